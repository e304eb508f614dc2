//! An API server as far as those who write need one: it keeps objects by their path, counts versions, and
//! refuses what was made from an older one. It knows neither kinds nor permissions nor watches.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard},
};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What happens just before a request is answered.
type Hook = Box<dyn FnOnce(&mut State) + Send>;

/// A server, and a way to see and change what it keeps.
#[derive(Clone)]
pub struct FakeApi {
    pub client: Client,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
pub struct State {
    objects: BTreeMap<String, Value>,
    version: u64,
    requests: Vec<String>,
    hooks: Vec<(String, Hook)>,
    refusals: BTreeMap<String, (u16, String)>,
}

impl FakeApi {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        tokio::spawn(serve(listener, state.clone()));
        let mut config = Config::new(url.parse().unwrap());
        config.default_retry = false;
        let client = Client::try_from(config).unwrap();
        Self { client, state }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Does something once, just before a request that begins so (`POST /api/…`) is answered.
    pub fn before(&self, request: &str, hook: impl FnOnce(&mut State) + Send + 'static) {
        self.state().hooks.push((request.to_owned(), Box::new(hook)));
    }

    /// Refuses requests that begin so.
    pub fn refuse(&self, request: &str, code: u16, message: &str) {
        let answer = (code, message.to_owned());
        self.state().refusals.insert(request.to_owned(), answer);
    }

    /// The requests that change something, since this was last asked.
    pub fn writes(&self) -> Vec<String> {
        let requests = std::mem::take(&mut self.state().requests);
        requests.into_iter().filter(|r| !r.starts_with("GET ")).collect()
    }
}

impl State {
    pub fn get(&self, path: &str) -> Option<&Value> {
        self.objects.get(path)
    }

    /// Stores an object in a new version, as somebody else would.
    pub fn put(&mut self, path: &str, mut object: Value) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        if object["metadata"]["uid"].is_null() {
            object["metadata"]["uid"] = format!("uid-{}", self.version).into();
        }
        self.objects.insert(path.to_owned(), object.clone());
        object
    }

    pub fn delete(&mut self, path: &str) -> Option<Value> {
        self.objects.remove(path)
    }

    fn answer(&mut self, method: &Method, path: &str, apply: bool, body: Value) -> Answer {
        let request = format!("{method} {path}");
        self.requests.push(request.clone());
        while let Some(i) = self.hooks.iter().position(|(of, _)| request.starts_with(of)) {
            let (_, hook) = self.hooks.remove(i);
            hook(self);
        }
        if let Some((_, (code, message))) = self.refusals.iter().find(|(of, _)| request.starts_with(*of)) {
            return Err((*code, message.clone()));
        }
        let object = path.strip_suffix("/status").unwrap_or(path);
        match *method {
            Method::POST => self.create(path, body),
            Method::PATCH if apply && self.get(path).is_none() => {
                if body.pointer("/metadata/uid").is_some() {
                    return Err((409, "uid mismatch".to_owned()));
                }
                Ok(self.put(path, body))
            }
            Method::PATCH => {
                let mut merged = self.guarded(path, &body)?;
                merge(&mut merged, body);
                Ok(self.put(path, merged))
            }
            Method::PUT => {
                let mut stored = self.guarded(object, &body)?;
                let part = if object == path { "spec" } else { "status" };
                stored[part] = body[part].clone();
                Ok(self.put(object, stored))
            }
            Method::DELETE => self.delete(path).ok_or_else(not_found),
            _ => self.get(path).cloned().ok_or_else(not_found),
        }
    }

    fn create(&mut self, collection: &str, object: Value) -> Answer {
        let name = object["metadata"]["name"].as_str().unwrap();
        let path = format!("{collection}/{name}");
        if self.get(&path).is_some() {
            return Err((409, format!("{name} already exists")));
        }
        Ok(self.put(&path, object))
    }

    /// What is stored, unless the request was made from something else.
    fn guarded(&self, path: &str, body: &Value) -> Answer {
        let stored = self.get(path).ok_or_else(not_found)?;
        for field in ["resourceVersion", "uid"] {
            let expected = &body["metadata"][field];
            if !expected.is_null() && *expected != stored["metadata"][field] {
                return Err((409, format!("another {field}")));
            }
        }
        Ok(stored.clone())
    }
}

/// The object, or the code and the message of a refusal.
type Answer = Result<Value, (u16, String)>;

fn not_found() -> (u16, String) {
    (404, "not found".to_owned())
}

/// As in RFC 7396, which for what is tested is as good as applying.
fn merge(into: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *into = patch;
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    for (key, value) in patch {
        if value.is_null() {
            into.as_object_mut().unwrap().remove(&key);
        } else {
            merge(&mut into[key], value);
        }
    }
}

async fn serve(listener: TcpListener, state: Arc<Mutex<State>>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let state = state.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let state = state.clone();
                async move { Ok::<_, Infallible>(respond(&state, request).await) }
            });
            // an error concerns that client alone
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn respond(state: &Mutex<State>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let kind = head.headers.get(http::header::CONTENT_TYPE);
    let apply = kind.is_some_and(|kind| kind.to_str().unwrap().contains("apply-patch"));
    let answer = state
        .lock()
        .unwrap()
        .answer(&head.method, head.uri.path(), apply, body);
    let (code, body) = match answer {
        Ok(object) => (200, object),
        Err((code, message)) => {
            let reason = match code {
                403 => "Forbidden",
                404 => "NotFound",
                409 => "Conflict",
                _ => "Other",
            };
            let status = json!({
                "kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message,
            });
            (code, status)
        }
    };
    Response::builder()
        .status(code)
        .body(Full::new(body.to_string().into()))
        .unwrap()
}
