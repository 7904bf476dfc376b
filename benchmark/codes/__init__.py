"""Binary codes: how a suite turns the embeddings of its methods into bits before they are compared."""
