# Varnish in front of imgfn (Varnish 7 or later): its answers carry Surrogate-Key with IMGFN_PURGE=varnish=http://…, and a BAN
# with a pattern of tags forgets all that was made of a changed picture.
vcl 4.1;

import std;

backend imgfn {
    .host = "127.0.0.1";
    .port = "8000";
    .first_byte_timeout = 30s;
    .probe = { .url = "/healthz"; .interval = 5s; .timeout = 2s; }
}

# Who may ban, beside the bearer of IMGFN_PURGE_TOKENS=varnish=… (uncomment it in vcl_recv).
acl imgfn_hosts {
    "localhost";
}

sub vcl_recv {
    if (req.method == "BAN") {
        if (client.ip !~ imgfn_hosts) { return (synth(403, "Forbidden")); }
        # if (req.http.Authorization != "Bearer a-secret-of-sixteen") { return (synth(403, "Forbidden")); }
        if (!req.http.X-Imgfn-Tags) { return (synth(400, "X-Imgfn-Tags is missing")); }
        # obj.http only, so that Varnish's ban lurker can work the list off.
        if (std.ban("obj.http.Surrogate-Key ~ " + req.http.X-Imgfn-Tags)) { return (synth(200, "Banned")); }
        return (synth(400, std.ban_error()));
    }
    if (req.url ~ "^(/2016-08-15/proxy/[^/]+)?/+(metrics|upload)") { return (pass); }
    # Signed URLs end at their time, which only imgfn checks.
    if (req.url ~ "[?&]signature=") { return (pass); }
    # One picture for all callers that accept the same formats, as in deploy/nginx/imgfn-cache.conf.
    if (req.http.Accept ~ "image/[a-z0-9.+-]+\s*;") { return (pass); }
    if (req.http.Accept ~ "image/avif" && req.http.Accept ~ "image/webp") { set req.http.Accept = "image/avif,image/webp,*/*"; }
    else if (req.http.Accept ~ "image/avif") { set req.http.Accept = "image/avif,*/*"; }
    else if (req.http.Accept ~ "image/webp") { set req.http.Accept = "image/webp,*/*"; }
    else { set req.http.Accept = "*/*"; }
}

sub vcl_backend_response {
    # Long, since imgfn says when something has changed. Nothing but pictures is kept: never an error.
    if (beresp.status == 200 && beresp.http.Surrogate-Key) {
        set beresp.ttl = 1d;
        set beresp.grace = 1h;
    } else {
        set beresp.uncacheable = true;
        set beresp.ttl = 0s;
    }
}

sub vcl_deliver {
    unset resp.http.Surrogate-Key;
    set resp.http.X-Cache = req.http.X-Cache;
}

sub vcl_hit { set req.http.X-Cache = "HIT"; }
sub vcl_miss { set req.http.X-Cache = "MISS"; }
sub vcl_pass { set req.http.X-Cache = "BYPASS"; }
