//! What an answer begins with.

use super::Answers::{Closes, Endless, Stays};
use super::{REFUSED, case, run};

#[tokio::test]
async fn what_is_no_http_is_500() {
    let malformed = Some("malformed");
    let refused = (500, REFUSED);
    run([
        case(
            "another protocol",
            Stays(b"220 mail.example ESMTP\r\n\r\n"),
            refused,
            malformed,
        ),
        case(
            "an alert of TLS",
            Stays(b"\x15\x03\x03\x00\x02\x02\x46"),
            refused,
            malformed,
        ),
        case("zeros", Stays(&[0; 64]), refused, malformed),
        case(
            "HTTP/2",
            Stays(b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"),
            refused,
            malformed,
        ),
        case(
            "a version of the future",
            Stays(b"HTTP/3.0 200 OK\r\n\r\n"),
            refused,
            malformed,
        ),
        case(
            "a status of two digits",
            Stays(b"HTTP/1.1 99 OK\r\n\r\n"),
            refused,
            malformed,
        ),
        case(
            "a status of four digits",
            Stays(b"HTTP/1.1 2000 OK\r\n\r\n"),
            refused,
            malformed,
        ),
        case(
            "a status below 100",
            Stays(b"HTTP/1.1 099 OK\r\n\r\n"),
            refused,
            malformed,
        ),
        case(
            "a status in words",
            Stays(b"HTTP/1.1 abc OK\r\n\r\n"),
            refused,
            malformed,
        ),
        case(
            "nothing, and the end",
            Closes(b""),
            (502, REFUSED),
            Some("closed"),
        ),
        case(
            "half a head, and the end",
            Closes(b"HTTP/1.1 200"),
            (502, REFUSED),
            Some("closed"),
        ),
    ])
    .await;
}

#[tokio::test]
async fn headers_that_could_split_an_answer_are_500() {
    let malformed = Some("malformed");
    let refused = (500, REFUSED);
    run([
        case(
            "CR in a value",
            Stays(b"HTTP/1.1 200 OK\r\nA: b\rSet-Cookie: c=d\r\nContent-Length: 0\r\n\r\n"),
            refused,
            malformed,
        ),
        case(
            "NUL in a value",
            Stays(b"HTTP/1.1 200 OK\r\nA: b\0c\r\nContent-Length: 0\r\n\r\n"),
            refused,
            malformed,
        ),
        case(
            "a folded value",
            Stays(b"HTTP/1.1 200 OK\r\nA: b\r\n c: d\r\nContent-Length: 0\r\n\r\n"),
            refused,
            malformed,
        ),
        case(
            "a space before the colon",
            Stays(b"HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n"),
            refused,
            malformed,
        ),
        case(
            "a line without a colon",
            Stays(b"HTTP/1.1 200 OK\r\nSet-Cookie\r\n\r\n"),
            refused,
            malformed,
        ),
        case(
            "two lengths",
            Stays(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
            refused,
            malformed,
        ),
        case(
            "a negative length",
            Stays(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"),
            refused,
            malformed,
        ),
        case(
            "a length with a sign",
            Stays(b"HTTP/1.1 200 OK\r\nContent-Length: +4\r\n\r\nbody"),
            refused,
            malformed,
        ),
        case(
            "a length beyond numbers",
            Stays(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n"),
            refused,
            malformed,
        ),
    ])
    .await;
}

#[tokio::test]
async fn heads_have_bounds() {
    let malformed = Some("malformed");
    run([
        case(
            "an endless head",
            Endless(b"HTTP/1.1 200 OK\r\n", b"A: bbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n"),
            (500, REFUSED),
            malformed,
        ),
        case(
            "an endless header",
            Endless(b"HTTP/1.1 200 OK\r\nA: ", b"bbbbbbbbbbbbbbbbbbbbbbbbbbbb"),
            (500, REFUSED),
            malformed,
        ),
        case(
            "an endless first line",
            Endless(b"HTTP/1.1 200 ", b"OK OK OK OK OK OK OK OK OK OK"),
            (500, REFUSED),
            malformed,
        ),
        case(
            "answers before the answer without end",
            Endless(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
            (504, REFUSED),
            Some("response_timeout"),
        ),
    ])
    .await;
    let many: &'static str = Box::leak(format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(101)).into());
    case(
        "too many headers",
        Stays(many.as_bytes()),
        (500, REFUSED),
        malformed,
    )
    .run()
    .await;
}
