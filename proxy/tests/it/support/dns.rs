//! A DNS server.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
};

use tokio::{net::UdpSocket, task::JoinHandle};

/// What is answered about a name.
#[derive(Clone, Debug)]
pub enum Answer {
    /// These addresses, for so many seconds.
    Addresses(u32, Vec<IpAddr>),
    /// That the server cannot say.
    Failure,
    /// Nothing at all.
    Silence,
}

/// A DNS server. What it was told nothing about does not exist.
pub struct Dns {
    pub address: SocketAddr,
    answers: Arc<Mutex<BTreeMap<String, Answer>>>,
    asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

const A: u16 = 1;
const AAAA: u16 = 28;

impl Dns {
    pub async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let answers = Arc::<Mutex<BTreeMap<_, _>>>::default();
        let asked = Arc::<Mutex<Vec<_>>>::default();
        let task = tokio::spawn({
            let (answers, asked) = (answers.clone(), asked.clone());
            async move {
                let mut query = [0; 1500];
                loop {
                    let (length, peer) = socket.recv_from(&mut query).await.unwrap();
                    let (name, kind, end) = question(&query[..length]);
                    let answer = answers.lock().unwrap().get(&name).cloned();
                    if kind == A {
                        asked.lock().unwrap().push(name);
                    }
                    if let Some(response) = response(&query[..end], kind, answer) {
                        socket.send_to(&response, peer).await.unwrap();
                    }
                }
            }
        });
        Self {
            address,
            answers,
            asked,
            task,
        }
    }

    /// From now on.
    pub fn set(&self, name: &str, answer: Answer) {
        self.answers.lock().unwrap().insert(name.to_owned(), answer);
    }

    /// How often it was asked for a name's IPv4 addresses.
    pub fn asked(&self, name: &str) -> usize {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|other| *other == name).count()
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The name and type of a query, and where the question ends.
fn question(query: &[u8]) -> (String, u16, usize) {
    let (mut labels, mut at) = (Vec::new(), 12);
    while query[at] != 0 {
        let end = at + 1 + usize::from(query[at]);
        labels.push(String::from_utf8(query[at + 1..end].to_vec()).unwrap());
        at = end;
    }
    let kind = u16::from_be_bytes([query[at + 1], query[at + 2]]);
    (labels.join("."), kind, at + 5)
}

/// RFC 1035, section 4.
fn response(question: &[u8], kind: u16, answer: Option<Answer>) -> Option<Vec<u8>> {
    let (ttl, addresses, code) = match answer {
        Some(Answer::Addresses(ttl, addresses)) => (ttl, addresses, 0),
        Some(Answer::Failure) => (0, Vec::new(), 2),
        Some(Answer::Silence) => return None,
        None => (0, Vec::new(), 3),
    };
    let wanted = |address: &&IpAddr| kind == if address.is_ipv4() { A } else { AAAA };
    let records: Vec<_> = addresses.iter().filter(wanted).collect();
    let mut response = question.to_vec();
    response[2..4].copy_from_slice(&[0x81, 0x80 | code]);
    response[6..8].copy_from_slice(&(records.len() as u16).to_be_bytes());
    response[8..12].fill(0);
    for address in records {
        response.extend([0xc0, 12]);
        response.extend(kind.to_be_bytes());
        response.extend([0, 1]);
        response.extend(ttl.to_be_bytes());
        let bytes = match address {
            IpAddr::V4(v4) => v4.octets().to_vec(),
            IpAddr::V6(v6) => v6.octets().to_vec(),
        };
        response.extend((bytes.len() as u16).to_be_bytes());
        response.extend(bytes);
    }
    Some(response)
}
