<?php
// What Apache's rewrite rules do for WordPress; and one line per request in the access log.
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH) ?: '/';
register_shutdown_function(function () {
    $line = http_response_code() . ' ' . $_SERVER['REQUEST_METHOD'] . ' ' . $_SERVER['REQUEST_URI'];
    file_put_contents(getenv('WP_ACCESS_LOG'), $line . "\n", FILE_APPEND | LOCK_EX);
});
if (preg_match('#\.(css|js|png|jpe?g|gif|svg|woff2?|ico)$#', $path) && is_file(getenv('WP_FILES') . $path)) {
    return false;
}
$_SERVER['SCRIPT_NAME'] = $_SERVER['PHP_SELF'] = '/index.php';
require getenv('WP_FILES') . '/index.php';
