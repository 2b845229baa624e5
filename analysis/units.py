"""Units of folded text: single characters of scripts written without spaces, and tokens.

One definition serves the query language (where may a term begin, how far are two hits apart)
and the search index (what is a word), so that they cannot drift apart.
"""

from __future__ import annotations

import re
from typing import Final

# Han with 々〆〇, kana, bopomofo, Hangul. Found anywhere in a text, one unit each.
HAN: Final = (
    "\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f\u31a0-\u31bf"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u1100-\u11ff\uac00-\ud7a3"
    "\U00020000-\U0003ffff"
)
TOKEN_CHARACTER: Final = rf"[^\W_{HAN}]"  # letters and digits of all other scripts
TOKEN_RUN: Final = re.compile(f"{TOKEN_CHARACTER}*")
UNIT: Final = re.compile(f"[{HAN}]|{TOKEN_CHARACTER}+")
RUN: Final = re.compile(f"[{HAN}]+|{TOKEN_CHARACTER}+")
_TOKEN_CHARACTER: Final = re.compile(TOKEN_CHARACTER)


def is_token_character(char: str) -> bool:
    """Return whether ``char`` belongs to a Latin or digit token: 5 of 5G, not 网."""
    return char.isalnum() and (char.isascii() or _TOKEN_CHARACTER.match(char) is not None)
