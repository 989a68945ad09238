CREATE TABLE IF NOT EXISTS `auth_revocation` (
    `number` bigint NOT NULL PRIMARY KEY,
    `kind` varchar(36) COLLATE utf8mb4_bin NOT NULL,
    `name` varchar(255) COLLATE utf8mb4_bin NOT NULL,
    `issued_before` bigint NOT NULL,
    `expires_at` bigint NOT NULL,
    INDEX `auth_revocation_name_idx` (`name`),
    INDEX `auth_revocation_expires_at_idx` (`expires_at`)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS `auth_revocation_head` (
    `id` integer NOT NULL PRIMARY KEY,
    `last` bigint NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;
INSERT IGNORE INTO `auth_revocation_head` (`id`, `last`) VALUES (1, 0);
