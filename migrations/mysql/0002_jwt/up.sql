CREATE TABLE IF NOT EXISTS `jwks` (
    `id` varchar(36) COLLATE utf8mb4_bin /*id*/ NOT NULL PRIMARY KEY,
    `publicKey` text NOT NULL,
    `privateKey` text NOT NULL,
    `createdAt` timestamp(3) NOT NULL,
    `expiresAt` timestamp(3) NULL,
    `alg` text,
    `crv` text
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;
