//! Handlers: plain `async fn`s of a context and an artifact, made uniform.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use artel_core::artifact::Artifact;
use artel_core::classify::{Classifier, Classify, Failed};
use artel_core::outputs::{IntoOutputs, OutputSink};

use crate::context::Context;

/// What an agent runs for an artifact.
///
/// Implemented for functions and closures of the form
/// `async fn(Context, Arc<T>) -> Result<O, E>` and, for agents with `.state(s)`,
/// `async fn(Context, Arc<T>, Arc<S>) -> Result<O, E>`, where `O` is nothing, one artifact, an
/// option, a list, a tuple or an enum that derives `Outputs`, and `E` is [`Error`](crate::Error) or
/// a type of your own that implements [`Classify`].
///
/// Handlers run at least once for each activation: what one does to the outside has to stand being
/// done again, or go into a [step](Context::step).
#[diagnostic::on_unimplemented(
    message = "this is not a handler for artifacts of type `{T}`",
    label = "not a handler for `{T}`",
    note = "a handler is `async fn(Context, Arc<{T}>) -> Result<O, E>`",
    note = "with `.state(s)` it is `async fn(Context, Arc<{T}>, Arc<S>) -> Result<O, E>`",
    note = "`O` is nothing, an artifact, an Option, a Vec, a tuple or an enum that derives Outputs; \
            `E` is `artel::Error` or implements `artel::Classify`"
)]
pub trait Handler<T, S, Form>: Send + Sync + 'static {
    /// What the handler returns when it succeeds.
    type Outputs: IntoOutputs;

    /// Runs the handler.
    fn call(
        &self,
        cx: Context,
        input: Arc<T>,
        state: &Arc<S>,
        classifier: Option<&Classifier>,
    ) -> impl Future<Output = Result<Self::Outputs, Failed>> + Send;
}

/// The form of a handler without state.
#[derive(Debug)]
pub struct Stateless;

/// The form of a handler with state.
#[derive(Debug)]
pub struct Stateful;

impl<F, Fut, T, S, O, E> Handler<T, S, Stateless> for F
where
    F: Fn(Context, Arc<T>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<O, E>> + Send,
    T: Artifact,
    S: Send + Sync + 'static,
    O: IntoOutputs,
    E: Classify,
{
    type Outputs = O;

    async fn call(
        &self,
        cx: Context,
        input: Arc<T>,
        _: &Arc<S>,
        classifier: Option<&Classifier>,
    ) -> Result<O, Failed> {
        self(cx, input).await.map_err(|error| Failed::asking(&error, classifier))
    }
}

impl<F, Fut, T, S, O, E> Handler<T, S, Stateful> for F
where
    F: Fn(Context, Arc<T>, Arc<S>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<O, E>> + Send,
    T: Artifact,
    S: Send + Sync + 'static,
    O: IntoOutputs,
    E: Classify,
{
    type Outputs = O;

    async fn call(
        &self,
        cx: Context,
        input: Arc<T>,
        state: &Arc<S>,
        classifier: Option<&Classifier>,
    ) -> Result<O, Failed> {
        self(cx, input, state.clone()).await.map_err(|error| Failed::asking(&error, classifier))
    }
}

/// What a handler's run comes to.
pub(crate) type Returned = Result<OutputSink, Failed>;

/// A handler whose types are known to itself only.
pub(crate) trait ErasedHandler: Send + Sync {
    /// Runs the handler on a value of its type.
    fn call(
        self: Arc<Self>,
        cx: Context,
        input: Arc<dyn Any + Send + Sync>,
    ) -> Pin<Box<dyn Future<Output = Returned> + Send>>;
}

pub(crate) struct Erased<H, T, S, Form> {
    handler: H,
    state: Arc<S>,
    classifier: Option<Box<Classifier>>,
    marker: std::marker::PhantomData<fn() -> (T, Form)>,
}

impl<H, T, S, Form> Erased<H, T, S, Form> {
    pub(crate) fn new(handler: H, state: Arc<S>, classifier: Option<Box<Classifier>>) -> Self {
        Self { handler, state, classifier, marker: std::marker::PhantomData }
    }
}

impl<H, T, S, Form> ErasedHandler for Erased<H, T, S, Form>
where
    H: Handler<T, S, Form>,
    T: Artifact,
    S: Send + Sync + 'static,
    Form: 'static,
{
    fn call(
        self: Arc<Self>,
        cx: Context,
        input: Arc<dyn Any + Send + Sync>,
    ) -> Pin<Box<dyn Future<Output = Returned> + Send>> {
        Box::pin(async move {
            let Ok(input) = input.downcast::<T>() else {
                return Err(Failed::permanent("the input is not of the agent's type"));
            };
            let classifier = self.classifier.as_deref();
            let outputs = self.handler.call(cx, input, &self.state, classifier).await?;
            let mut sink = OutputSink::default();
            outputs.into_outputs(&mut sink);
            Ok(sink)
        })
    }
}
