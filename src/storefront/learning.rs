//! Learning the second opinion on events, `community_prediction_lr`: when a storefront opens and every four hours from then on.
//! While nothing can be learnt, what was learnt before stands.

use std::time::Duration;

use super::shelf::Shop;
use crate::scoring::ranks::{REFIT_MS, RankModel};

/// Learns for as long as the task lives.
pub(super) async fn learn(shop: Shop) {
    loop {
        let (rules, ranks) = (shop.source().rules.clone(), shop.source().ranks);
        let read = shop.read(move |shelf| Ok(shelf.archive.batches(&rules, shelf.now())?)).await;
        match read {
            Ok(batches) => {
                let learning = tokio::task::spawn_blocking(move || RankModel::learn(&batches, ranks));
                match learning.await {
                    Ok(Ok(model)) => {
                        let used = model.model().coefficients.iter().filter(|coefficient| **coefficient != 0.0).count();
                        tracing::info!(ranks, used, "community_prediction_lr was learnt");
                        shop.has_learnt(model);
                    }
                    Ok(Err(why)) => tracing::info!("community_prediction_lr cannot be learnt: {why}"),
                    Err(error) => tracing::error!("community_prediction_lr was not learnt: {error}; this is a bug"),
                }
            }
            Err(problem) => tracing::warn!("community_prediction_lr was not learnt: {}", problem.detail()),
        }
        tokio::time::sleep(Duration::from_millis(REFIT_MS.unsigned_abs())).await;
    }
}
