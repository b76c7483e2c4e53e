from django.db import DatabaseError, IntegrityError
from django.db.backends.sqlite3 import base
from pyodide.ffi import JsException, run_sync


class Cursor:
    def __init__(self, binding):
        self._binding = binding
        self._rows = iter(())
        self.description = None
        self.lastrowid = None
        self.rowcount = -1

    def execute(self, sql, parameters=()):
        import workers

        values = [
            value.isoformat(" ") if hasattr(value, "isoformat") else value
            for value in parameters or ()
        ]
        statement = getattr(workers.env, self._binding).prepare(
            sql.replace("%s", "?").replace("%%", "%")
        )
        statement = statement.bind(*values) if values else statement
        try:
            if sql.lstrip().upper().startswith(("SELECT", "PRAGMA", "WITH")):
                rows = run_sync(statement.raw({"columnNames": True}))
                names = rows[0] if rows else []
                self.description = [(name, None, None, None, None, None, None) for name in names]
                self._rows = iter([tuple(row) for row in rows[1:]])
            else:
                done = run_sync(statement.all())
                self.rowcount = done["meta"]["changes"]
                self.lastrowid = done["meta"]["last_row_id"]
                self._rows = iter([tuple(row.values()) for row in done["results"]])
        except JsException as error:
            kind = IntegrityError if "constraint" in str(error) else DatabaseError
            raise kind(str(error)) from error
        return self

    def executemany(self, sql, many):
        for parameters in many:
            self.execute(sql, parameters)

    def fetchone(self):
        return next(self._rows, None)

    def fetchmany(self, size=1):
        return [row for _, row in zip(range(size), self._rows, strict=False)]

    def fetchall(self):
        return list(self._rows)

    def close(self):
        self._rows = iter(())


class Features(base.DatabaseFeatures):
    supports_transactions = False
    atomic_transactions = False
    can_rollback_ddl = False
    has_bulk_insert = True
    supports_paramstyle_pyformat = False


class Operations(base.DatabaseOperations):
    def last_executed_query(self, cursor, sql, params):
        return sql


class SchemaEditor(base.DatabaseSchemaEditor):
    def __enter__(self):
        self.deferred_sql = []
        return self

    def __exit__(self, kind, error, traceback):
        if kind is None:
            for sql in self.deferred_sql:
                self.execute(sql, None)


class Connection:
    def __init__(self, binding):
        self.binding = binding

    def close(self):
        pass

    def commit(self):
        pass

    def rollback(self):
        pass


class DatabaseWrapper(base.DatabaseWrapper):
    features_class = Features
    ops_class = Operations
    SchemaEditorClass = SchemaEditor

    def get_connection_params(self):
        return {"binding": self.settings_dict["NAME"]}

    def get_new_connection(self, params):
        return Connection(params["binding"])

    def create_cursor(self, name=None):
        return Cursor(self.connection.binding)

    def _set_autocommit(self, autocommit):
        pass

    def _start_transaction_under_autocommit(self):
        pass

    def _savepoint_allowed(self):
        return False

    def is_usable(self):
        return True
