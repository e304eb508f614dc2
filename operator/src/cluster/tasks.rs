//! Tasks that run as long as the program does.

use std::{borrow::Cow, future::Future};

use anyhow::anyhow;
use tokio::task::{Id, JoinSet};

/// Tasks of which none may end before the program does.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    set: JoinSet<()>,
    names: Vec<(Id, Cow<'static, str>)>,
}

impl Tasks {
    /// Starts a task, called so in errors.
    pub fn spawn(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let id = self.set.spawn(task).id();
        self.names.push((id, name.into()));
    }

    /// Waits until a task ends or panics, which is an error; for ever when there is none.
    pub async fn broken(&mut self) -> anyhow::Error {
        let Some(ended) = self.set.join_next_with_id().await else {
            return std::future::pending().await;
        };
        let (id, how) = match ended {
            Ok((id, ())) => (id, "ended".to_owned()),
            Err(error) => (error.id(), format!("broke down: {error}")),
        };
        let name = self.names.iter().find(|(of, _)| *of == id);
        anyhow!("{} {how}", name.map_or("a task", |(_, name)| name.as_ref()))
    }

    /// Ends all tasks where they wait next, and waits until they have.
    pub async fn shutdown(mut self) {
        self.set.shutdown().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_task_to_end_is_named() {
        let mut tasks = Tasks::default();
        tasks.spawn("the first", std::future::pending());
        tasks.spawn("the second", async {});
        assert_eq!(tasks.broken().await.to_string(), "the second ended");
        tasks.spawn("the third", async { panic!("no luck") });
        let error = tasks.broken().await.to_string();
        assert!(
            error.starts_with("the third broke down") && error.contains("no luck"),
            "{error}"
        );
        tasks.shutdown().await;
    }
}
