//! How near the meaning of an answer is to that of the reference, by an embeddings API.

use reqwest::{Client, Url};
use serde::Deserialize;
use serde_json::json;

use super::backend::{ApiKey, BackendError, below, body_of, client_of, unreachable};

/// The most of an answer of the API, bytes: a hundred vectors of some thousand numbers.
const MAX_ANSWER: usize = 64 << 20;
/// What is read of a text, in characters: more than the models of this work do.
const MAX_TEXT: usize = 8_000;

/// See the module.
#[derive(Debug, Clone)]
pub struct Embeddings {
    client: Client,
    url: Url,
    what: String,
    model: String,
    key: Option<ApiKey>,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    embedding: Vec<f64>,
}

impl Embeddings {
    /// The API below `url`.
    ///
    /// # Errors
    /// [`BackendError::Setting`].
    pub fn new(url: &str, model: String, key: Option<ApiKey>) -> Result<Self, BackendError> {
        let (client, base) = client_of(url, None)?;
        let what = base.host_str().unwrap_or("the API").to_owned();
        Ok(Self { client, url: below(&base, "embeddings"), what, model, key })
    }

    /// The relevance of each answer: `cos(reference, answer) − cos(reference, "")`, clipped to `0.0..=1.0`.
    ///
    /// # Errors
    /// The API does not answer, or not with one vector for each text.
    pub async fn relevance(&self, reference: &str, answers: &[&str]) -> Result<Vec<f64>, BackendError> {
        let short = |text: &str| text.chars().take(MAX_TEXT).collect::<String>();
        // Some APIs refuse an empty text; a space means as little.
        let texts: Vec<String> = [reference, " "].iter().chain(answers).map(|text| short(text)).collect();
        let vectors = self.embed(&texts).await?;
        let (Some(wanted), Some(nothing)) = (vectors.first(), vectors.get(1)) else { return Ok(Vec::new()) };
        let base = cosine(wanted, nothing);
        let of = |(answer, vector): (&&str, &Vec<f64>)| {
            if answer.trim().is_empty() { 0.0 } else { (cosine(wanted, vector) - base).clamp(0.0, 1.0) }
        };
        Ok(answers.iter().zip(vectors.iter().skip(2)).map(of).collect())
    }

    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f64>>, BackendError> {
        let mut request = self.client.post(self.url.clone()).json(&json!({ "model": self.model, "input": texts }));
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.expose());
        }
        let response = request.send().await.map_err(|e| unreachable(&self.what, e))?;
        let status = response.status();
        let body = body_of(&self.what, response, MAX_ANSWER).await?;
        if !status.is_success() {
            let message = String::from_utf8_lossy(body.get(..500).unwrap_or(&body)).into_owned().into();
            let what = self.what.clone();
            return Err(BackendError::Refused { what, status: status.as_u16(), message, retry_after: None });
        }
        let malformed = |reason: String| BackendError::Malformed { what: self.what.clone(), reason: reason.into() };
        let answer: Answer = serde_json::from_slice(&body).map_err(|e| malformed(e.to_string()))?;
        if answer.data.len() != texts.len() {
            return Err(malformed(format!("{} vectors for {} texts", answer.data.len(), texts.len())));
        }
        Ok(answer.data.into_iter().map(|vector| vector.embedding).collect())
    }
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let length = (dot(a, a) * dot(b, b)).sqrt();
    if length > 0.0 { dot(a, b) / length } else { 0.0 }
}
