CREATE TABLE IF NOT EXISTS `authService` (
    `name` varchar(255) COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
    `jwksUrl` text,
    `createdAt` timestamp(3) NOT NULL,
    `disabledAt` timestamp(3) NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS `authServiceKey` (
    `id` varchar(255) COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
    `service` varchar(255) COLLATE utf8mb4_bin NOT NULL,
    `publicKey` text NOT NULL,
    `createdAt` timestamp(3) NOT NULL,
    `expiresAt` timestamp(3) NULL,
    FOREIGN KEY (`service`) REFERENCES `authService` (`name`) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS `authServiceCode` (
    `id` varchar(255) COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
    `service` varchar(255) COLLATE utf8mb4_bin NOT NULL,
    `createdAt` timestamp(3) NOT NULL,
    `expiresAt` timestamp(3) NOT NULL,
    FOREIGN KEY (`service`) REFERENCES `authService` (`name`) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS `authServiceAssertion` (
    `id` varchar(255) COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
    `expiresAt` timestamp(3) NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;
