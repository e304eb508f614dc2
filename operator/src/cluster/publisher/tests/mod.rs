mod another_version;
mod bench;
mod rounds;
