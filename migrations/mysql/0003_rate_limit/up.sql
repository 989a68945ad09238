CREATE TABLE IF NOT EXISTS `rateLimit` (
    `id` varchar(36) COLLATE utf8mb4_bin /*id*/ NOT NULL PRIMARY KEY,
    `key` varchar(255) COLLATE utf8mb4_bin NOT NULL UNIQUE,
    `count` integer NOT NULL,
    `lastRequest` bigint NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;
