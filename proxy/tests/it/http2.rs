//! HTTP/2 with clients.
