<?php
// What an editor and readers do: a JSON list of steps on stdin, the ids that came of it on stdout.
require getenv('WP_FILES') . '/wp-load.php';
function step(array $step): int {
    switch ($step['do']) {
        case 'post':
            // As the editor does: the draft gets the guid, publishing gives the date.
            $said = ['post_title' => $step['title'], 'post_content' => $step['text'], 'post_author' => 1];
            $draft = wp_insert_post($said + ['post_status' => 'auto-draft'], true);
            return (int) wp_update_post(['ID' => $draft, 'post_status' => 'publish'], true);
        case 'edit':
            return (int) wp_update_post(['ID' => $step['post'], 'post_content' => $step['text']], true);
        case 'trash':
            return (int) wp_trash_post($step['post'])->ID;
        case 'comment':
            $at = time() - 60 * ($step['minutes_ago'] ?? 0);
            return (int) wp_insert_comment([
                'comment_date' => wp_date('Y-m-d H:i:s', $at), 'comment_date_gmt' => gmdate('Y-m-d H:i:s', $at),
                'comment_post_ID' => $step['post'], 'comment_author' => $step['author'],
                'comment_content' => $step['text'], 'comment_approved' => 1,
                'comment_parent' => $step['parent'] ?? 0,
            ]);
        case 'set': // an option of the site; its addresses follow at once
            update_option($step['option'], $step['value']);
            $GLOBALS['wp_rewrite']->init();
            flush_rewrite_rules(false);
            return 1;
        case 'trash_comment':
            return (int) wp_trash_comment($step['comment']);
    }
    throw new InvalidArgumentException($step['do']);
}
add_filter('pre_wp_mail', '__return_true');
echo json_encode(array_map('step', json_decode(stream_get_contents(STDIN), true, 8, JSON_THROW_ON_ERROR)));
