<?php
// A must-use plugin as many sites have one: visitors may not use the REST interface.
if (get_option('jianwei_rest_closed')) {
    add_filter('rest_authentication_errors', fn() => new WP_Error('rest_disabled', '仅限登录用户', ['status' => 401]));
}
