<?php
// php database.php create|drop: this run's own database, on a server that takes root without a password.
error_reporting(E_ERROR);
mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
[$host, $port] = explode(':', getenv('WP_DB_HOST'));
$name = getenv('WP_DB_NAME');
if (!preg_match('/^wp_test_\d+$/', $name)) {
    fwrite(STDERR, "not a test's database: $name\n");
    exit(1);
}
try {
    $server = new mysqli($host, 'root', '', '', (int) $port);
} catch (mysqli_sql_exception $error) {
    fwrite(STDERR, $error->getMessage());
    exit(1);
}
$server->query("DROP DATABASE IF EXISTS `$name`");
if ($argv[1] === 'create') {
    $server->query("CREATE DATABASE `$name` CHARACTER SET utf8mb4");
}
