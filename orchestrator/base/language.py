"""The reader's language; see :mod:`data_tools.language`, which both packages share."""

from data_tools.language import is_chinese as is_chinese
from data_tools.language import say as say
