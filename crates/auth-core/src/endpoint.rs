//! The HTTP seam: an endpoint is a path, and one async function from access and input to a reply.

use std::future::Future;
use std::pin::Pin;

use serde::Serialize;
use serde_json::Value;

use crate::access::Access;
use crate::call::{Call, Method};
use crate::config::Checks;
use crate::error::{Result, codes};
use crate::input::{Fields, Input};
use crate::pipeline::{self, From};
use crate::reply::{Reply, Response};
use crate::router;

type Running = Pin<Box<dyn Future<Output = Result<Response>> + Send>>;
type Run = Box<dyn Fn(Call, Option<Value>, BodyTypes) -> Running + Send + Sync>;

/// The media types that an endpoint reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyTypes {
    /// `application/json`.
    Json,
    /// `application/json` and `application/x-www-form-urlencoded`: a plain HTML form can post here, so the
    /// fetch-metadata rule against cross-site logins applies too.
    JsonAndForm,
    /// The same, from any site's page: the endpoint only leads on, so that no rule against foreign forms applies.
    JsonAndForeignForm,
}

/// One endpoint.
pub struct Endpoint {
    /// The method.
    pub method: Method,
    /// The path below the base path.
    pub path: &'static str,
    /// The name of the access type.
    pub access: &'static str,
    /// The media types of its body.
    pub body: BodyTypes,
    /// What is checked of requests to it.
    pub checks: Checks,
    /// A valid example of its input.
    pub sample: Value,
    run: Run,
}

/// An endpoint's function: `async fn(Access, Input) -> Result<Reply<Output>>`.
pub trait Function<A, I, O>: Copy + Send + Sync + 'static {
    /// The answer to come.
    type Answer: Future<Output = Result<Reply<O>>> + Send + 'static;

    /// Runs the function.
    fn call(self, access: A, input: I) -> Self::Answer;
}

impl<A, I, O, F, Answer> Function<A, I, O> for F
where
    F: Fn(A, I) -> Answer + Copy + Send + Sync + 'static,
    Answer: Future<Output = Result<Reply<O>>> + Send + 'static,
{
    type Answer = Answer;

    fn call(self, access: A, input: I) -> Answer {
        self(access, input)
    }
}

impl Endpoint {
    /// A GET endpoint.
    pub fn get<A: Access, I: Input, O: Serialize + 'static>(
        path: &'static str,
        function: impl Function<A, I, O>,
    ) -> Self {
        Self::new(Method::Get, path, function)
    }

    /// A POST endpoint.
    pub fn post<A: Access, I: Input, O: Serialize + 'static>(
        path: &'static str,
        function: impl Function<A, I, O>,
    ) -> Self {
        Self::new(Method::Post, path, function)
    }

    /// This endpoint, also reading HTML forms.
    #[must_use]
    pub fn with_form(mut self) -> Self {
        self.body = BodyTypes::JsonAndForm;
        self
    }

    /// This endpoint, also reading forms that another site's page sends.
    #[must_use]
    pub fn with_foreign_form(mut self) -> Self {
        self.body = BodyTypes::JsonAndForeignForm;
        self
    }

    /// Order, as upstream's: read the whole input, then the rule for forms, then admit the caller, then run.
    fn new<A: Access, I: Input, O: Serialize + 'static>(
        method: Method,
        path: &'static str,
        function: impl Function<A, I, O>,
    ) -> Self {
        let run: Run = Box::new(move |call, body, types| {
            Box::pin(async move {
                let input = read::<I>(&call, body.as_ref())?;
                if types == BodyTypes::JsonAndForm {
                    pipeline::check_request_origin(&call, From::Form)?;
                }
                let access = A::admit(call).await?;
                Ok(function.call(access, input).await?.into_response())
            })
        });
        Self {
            method,
            path,
            access: A::NAME,
            body: BodyTypes::Json,
            checks: Checks::ALL,
            sample: I::sample(),
            run,
        }
    }

    /// Runs the endpoint on a body that is parsed already.
    pub(crate) async fn run(&self, call: Call, body: Option<Value>) -> Result<Response> {
        (self.run)(call, body, self.body).await
    }
}

fn read<I: Input>(call: &Call, body: Option<&Value>) -> Result<I> {
    let (config, parameter) = (&call.app.config, router::parameter(&call.request.path));
    let (origins, checked) = (&config.origins, call.checks.redirects);
    let mut fields = Fields::new(body, &call.query, &parameter, origins, checked, &config.fields);
    let input = I::read(&mut fields);
    match (input, fields.refusal()) {
        (Some(input), None) => Ok(input),
        (_, refusal) => Err(refusal.unwrap_or_else(|| codes::VALIDATION_ERROR.bad_request())),
    }
}
