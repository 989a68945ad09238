CREATE TABLE IF NOT EXISTS "auth_revocation" (
    "number" bigint NOT NULL PRIMARY KEY,
    "kind" text NOT NULL,
    "name" text NOT NULL,
    "issued_before" bigint NOT NULL,
    "expires_at" bigint NOT NULL
);
CREATE INDEX IF NOT EXISTS "auth_revocation_name_idx" ON "auth_revocation" ("name");
CREATE INDEX IF NOT EXISTS "auth_revocation_expires_at_idx" ON "auth_revocation" ("expires_at");
CREATE TABLE IF NOT EXISTS "auth_revocation_head" (
    "id" integer NOT NULL PRIMARY KEY,
    "last" bigint NOT NULL
);
INSERT OR IGNORE INTO "auth_revocation_head" ("id", "last") VALUES (1, 0);
