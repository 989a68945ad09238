CREATE TABLE IF NOT EXISTS "rateLimit" (
    "id" text /*id*/ NOT NULL PRIMARY KEY,
    "key" text NOT NULL UNIQUE,
    "count" integer NOT NULL,
    "lastRequest" bigint NOT NULL
);
