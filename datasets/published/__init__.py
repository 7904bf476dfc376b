"""What the published data sets share: looking at a copy on a researcher's disk, whoever prepared it.

`dataset` puts together what the other modules do one by one: `layouts` recognises a copy, `scan` lists its
folders, `names` reads class names in any spelling, `file_lists` reads SAKE's lists, `items` names and orders
what was found, `counts` holds it against published numbers.
"""
