"""The index as plain files for a stock nginx with its JavaScript module: `export_index DIR`.

`content` says what lies in the folder, `tree` writes it there, and `nginx/` answers from it: two
pieces of configuration, and the script that they name.
"""

from pkgindex.static_export.content import export_index
from pkgindex.static_export.tree import Tree, Unwritable

__all__ = ["Tree", "Unwritable", "export_index"]
