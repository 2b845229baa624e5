<?php
// What the installation page does, without a browser: an open site with permalinks, in Shanghai.
define('WP_INSTALLING', true);
require getenv('WP_FILES') . '/wp-load.php';
require ABSPATH . 'wp-admin/includes/upgrade.php';
add_filter('pre_wp_mail', '__return_true');
wp_install('城市车友网', 'editor', 'editor@example.com', true, '', 'unused-' . bin2hex(random_bytes(8)));
update_option('timezone_string', 'Asia/Shanghai');
update_option('posts_per_rss', 60);
$wp_rewrite->set_permalink_structure('/%year%/%monthnum%/%post_id%/');
flush_rewrite_rules(false);
echo json_encode(['version' => $wp_version, 'permalinks' => get_option('permalink_structure')]);
