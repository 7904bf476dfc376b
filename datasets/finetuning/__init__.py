"""The paper's first stage: one backbone a modality, fine-tuned as a classifier of the seen classes alone."""
