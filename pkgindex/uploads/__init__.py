"""From a POST of twine or uv to a published file.

`receiving` streams the body to a temporary file, `form` reads the fields, `filenames`, `wheel`,
`sdist` and `core_metadata` look at the file itself, `publishing` stores it and writes the rows.
"""
