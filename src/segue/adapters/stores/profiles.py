"""What did each model version see in training? Beside the registry, whichever it is, so that every registry has profiles."""

from sqlalchemy import select

from segue.adapters.stores.database import schema
from segue.adapters.stores.database.connect import Database, insert
from segue.errors import Conflict, DomainError
from segue.facts.drift.profile import Profile
from segue.facts.wire.codec import from_json, to_json
from segue.ids import digest

_profiles = schema.profiles.c


class SqlProfiles:
    """The training profile of each model version."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, model: str, version: str, profile: Profile) -> str:
        """Keep a version's profile, for good, and return its digest; the same again is harmless.

        Raises:
            Conflict: the version has another profile.
            DomainError: the model or version has no name.
        """
        if not model or not version:
            raise DomainError("a profile belongs to a model and a version")
        key, body = {"model": model, "version": version}, to_json(profile)
        with self._database.write() as connection:
            row = insert(connection, schema.profiles).values(**key, digest=digest(body), body=body.decode())
            connection.execute(row.on_conflict_do_nothing(index_elements=["model", "version"]))
            kept = select(_profiles.digest).where(_profiles.model == model, _profiles.version == version)
            if connection.execute(kept).scalar_one() != digest(body):
                raise Conflict("the version has another profile", hint="register the model as a new version", **key)
        return digest(body)

    def profile(self, model: str, version: str) -> Profile | None:
        """A version's profile; None where it was registered without one."""
        query = select(_profiles.body).where(_profiles.model == model, _profiles.version == version)
        with self._database.read() as connection:
            body = connection.execute(query).scalar()
        return None if body is None else from_json(Profile, body)
