"""The table and what is asked of it."""

from pathlib import Path

SCHEMA = Path(__file__).with_name("schema.sql").read_text()


class Quotes:
    def __init__(self, db):
        self.db = db

    async def create(self):
        await self.db.exec("DROP TABLE IF EXISTS quotes")
        await self.db.exec(SCHEMA.strip())

    async def add(self, who, said, stars=None):
        statement = self.db.prepare("INSERT INTO quotes (who, said, stars) VALUES (?, ?, ?)")
        done = await statement.bind(who, said, stars).run()
        return {
            "id": done.meta.last_row_id,
            "changes": done["meta"]["changes"],
            "success": done.success,
        }

    async def one(self, number):
        return (
            await self.db.prepare("SELECT id, who, said, stars FROM quotes WHERE id = ?1")
            .bind(number)
            .first()
        )

    async def by(self, who):
        found = (
            await self.db.prepare("SELECT * FROM quotes WHERE who = ? ORDER BY id").bind(who).all()
        )
        return [dict(row) for row in found.results]
