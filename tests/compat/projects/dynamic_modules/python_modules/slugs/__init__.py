"""A package as the platform's tools vendor it."""

import re


def slug(text):
    return re.sub("[^a-z]+", "-", text.lower()).strip("-")
