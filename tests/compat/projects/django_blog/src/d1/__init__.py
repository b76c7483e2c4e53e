"""A database backend: Django's of SQLite, with D1 in the place of the sqlite3 module."""
