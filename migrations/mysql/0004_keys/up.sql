CREATE TABLE IF NOT EXISTS `signingKey` (
    `kid` varchar(36) COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
    `alg` varchar(36) COLLATE utf8mb4_bin NOT NULL,
    `generation` integer NOT NULL,
    `state` varchar(36) NOT NULL,
    `signing` varchar(36) COLLATE utf8mb4_bin NULL UNIQUE,
    `publishedAt` datetime(3) NOT NULL,
    `signsFrom` datetime(3) NOT NULL,
    `retiresAt` datetime(3) NULL,
    `goneAt` datetime(3) NULL,
    `revokedAt` datetime(3) NULL,
    UNIQUE (`alg`, `generation`),
    CHECK ((`state` = 'signing') = (`signing` IS NOT NULL) AND COALESCE(`signing`, `alg`) = `alg`)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;
