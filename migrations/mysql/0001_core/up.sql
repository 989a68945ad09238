-- Better Auth's types. What identifies somebody or something is compared byte by byte, whatever the database's collation.
CREATE TABLE IF NOT EXISTS `user` (
    `id` varchar(36) COLLATE utf8mb4_bin /*id*/ NOT NULL PRIMARY KEY,
    `name` varchar(255) NOT NULL,
    `email` varchar(255) COLLATE utf8mb4_bin NOT NULL UNIQUE,
    `emailVerified` boolean NOT NULL,
    `image` text,
    `createdAt` timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    `updatedAt` timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS `session` (
    `id` varchar(36) COLLATE utf8mb4_bin /*id*/ NOT NULL PRIMARY KEY,
    `expiresAt` timestamp(3) NOT NULL,
    `token` varchar(255) COLLATE utf8mb4_bin NOT NULL UNIQUE,
    `createdAt` timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    `updatedAt` timestamp(3) NOT NULL,
    `ipAddress` text,
    `userAgent` text,
    `userId` varchar(36) COLLATE utf8mb4_bin /*user id*/ NOT NULL,
    INDEX `session_userId_idx` (`userId`),
    FOREIGN KEY (`userId`) REFERENCES `user` (`id`) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS `account` (
    `id` varchar(36) COLLATE utf8mb4_bin /*id*/ NOT NULL PRIMARY KEY,
    `accountId` text COLLATE utf8mb4_bin NOT NULL,
    `providerId` text COLLATE utf8mb4_bin NOT NULL,
    `userId` varchar(36) COLLATE utf8mb4_bin /*user id*/ NOT NULL,
    `accessToken` text,
    `refreshToken` text,
    `idToken` text,
    `accessTokenExpiresAt` timestamp(3) NULL,
    `refreshTokenExpiresAt` timestamp(3) NULL,
    `scope` text,
    `password` text COLLATE utf8mb4_bin,
    `createdAt` timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    `updatedAt` timestamp(3) NOT NULL,
    INDEX `account_userId_idx` (`userId`),
    FOREIGN KEY (`userId`) REFERENCES `user` (`id`) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS `verification` (
    `id` varchar(36) COLLATE utf8mb4_bin /*id*/ NOT NULL PRIMARY KEY,
    `identifier` varchar(255) COLLATE utf8mb4_bin NOT NULL,
    `value` text NOT NULL,
    `expiresAt` timestamp(3) NOT NULL,
    `createdAt` timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    `updatedAt` timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    INDEX `verification_identifier_idx` (`identifier`)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;
