//! Substrate JSON-RPC over WebSocket and HTTP, as the Python SDKs, btcli, subxt and polkadot-js speak it.
//!
//! Methods are plain functions in tables, run on blocking threads because they execute the runtime. Of the newer interface
//! (`chainHead_v1`, `archive_v1`, `transaction_v1`, `chainSpec_v1`) each family is served whole: subxt chooses its backend by
//! the names in `rpc_methods`, and a half-served family is worse than none.

mod archive;
mod args;
mod author;
mod chain;
mod chain_head;
mod dev;
mod errors;
mod gate;
mod listen;
mod origins;
mod queries;
mod state;
mod subscribe;
mod system;
mod transaction;

use std::net::TcpListener;
use std::sync::Arc;

use futures_util::TryFutureExt as _;
use jsonrpsee::core::RegisterMethodError;
use jsonrpsee::core::middleware::RpcServiceBuilder;
use jsonrpsee::server::{
    BatchRequestConfig, PingConfig, RandomStringIdProvider, Server, ServerConfig, ServerHandle,
    serve_with_graceful_shutdown, stop_channel,
};
use jsonrpsee::types::ErrorObjectOwned;
use jsonrpsee::{ConnectionId, Extensions, ResponsePayload, RpcModule, types::Params};
use serde_json::{Value, json};

use self::args::Args;
use super::node::Node;
use super::powers::Fault;

/// What a method gives back.
type Answer = Result<Value, ErrorObjectOwned>;
/// One method; it may take as long as the runtime does.
type Method = fn(&Node, &Args) -> Answer;
/// Methods with all their names.
type Table = [(&'static [&'static str], Method)];

/// The largest request, as a real node has it.
const REQUEST_BYTES: u32 = 15 << 20;
/// The largest answer: metadata is 1.3 MB of hex, the metagraphs of a hundred subnets some ten.
const RESPONSE_BYTES: u32 = 128 << 20;
const CONNECTIONS: u32 = 256;
const SUBSCRIPTIONS_PER_CONNECTION: u32 = 1_024;
/// Answers that wait for one slow reader before the server waits for it.
const BUFFERED_MESSAGES: u32 = 1_024;
const BATCH: u32 = 1_024;

/// Serves `node` on a bound listener, to web pages only of these origins and of this machine, until the handle is told to stop.
///
/// # Errors
/// When a method's name is taken twice (a defect), or the listener cannot be used.
pub(crate) fn serve(node: Arc<Node>, listener: TcpListener, origins: Vec<String>) -> Result<ServerHandle, ServeError> {
    let config = ServerConfig::builder()
        .max_request_body_size(REQUEST_BYTES)
        .max_response_body_size(RESPONSE_BYTES)
        .max_connections(CONNECTIONS)
        .max_subscriptions_per_connection(SUBSCRIPTIONS_PER_CONNECTION)
        .set_message_buffer_capacity(BUFFERED_MESSAGES)
        .set_batch_request_config(BatchRequestConfig::Limit(BATCH))
        .set_id_provider(RandomStringIdProvider::new(16))
        .enable_ws_ping(PingConfig::new())
        .build();
    listener.set_nonblocking(true)?;
    let middleware = tower::ServiceBuilder::new().layer(origins::OnlyFrom::new(origins));
    let gated = Arc::clone(&node);
    let gate = RpcServiceBuilder::new().layer_fn(move |service| gate::Gate::new(service, Arc::clone(&gated)));
    let services = Server::builder().set_config(config).set_http_middleware(middleware).set_rpc_middleware(gate);
    let (services, methods) = (services.to_service_builder(), module(node)?);
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let (stop, handle) = stop_channel();
    tokio::spawn(async move {
        let connection = |stream| {
            let Ok(stream) = listen::gathering(stream) else { return };
            let service = services.clone().build(methods.clone(), stop.clone());
            let served = serve_with_graceful_shutdown(stream, service, stop.clone().shutdown());
            tokio::spawn(served.inspect_err(|error| {
                tracing::debug!(target: "neuron::localnet::rpc", %error, "a connection failed");
            }));
        };
        tokio::select! {
            never = listen::connections(listener, connection) => match never {},
            () = stop.clone().shutdown() => {}
        }
    });
    Ok(handle)
}

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Method(#[from] RegisterMethodError),
}

/// All methods.
fn module(node: Arc<Node>) -> Result<RpcModule<Node>, RegisterMethodError> {
    let mut module = RpcModule::from_arc(node);
    for table in [chain::METHODS, state::METHODS, author::METHODS, archive::METHODS, system::METHODS, dev::METHODS] {
        for (names, method) in table {
            for name in *names {
                register(&mut module, name, *method)?;
            }
        }
    }
    subscribe::register(&mut module)?;
    author::register(&mut module)?;
    chain_head::register(&mut module)?;
    archive::register(&mut module)?;
    transaction::register(&mut module)?;
    let mut names: Vec<&str> = module.method_names().chain(["rpc_methods"]).collect();
    names.sort_unstable();
    module.register_method("rpc_methods", move |_, _, _| json!({ "methods": names }))?;
    Ok(module)
}

fn register(module: &mut RpcModule<Node>, name: &'static str, method: Method) -> Result<(), RegisterMethodError> {
    module.register_blocking_method(name, move |params: Params<'_>, node: Arc<Node>, _| -> Answer {
        tracing::trace!(target: "neuron::localnet::rpc", method = name, "request");
        planned(&node, name)?;
        method(&node, &Args::parse(&params)?)
    })?;
    Ok(())
}

/// A method that knows the connection which asks.
fn register_of_connection(
    module: &mut RpcModule<Node>,
    name: &'static str,
    method: impl Fn(&Arc<Node>, &Args, ConnectionId) -> ResponsePayload<'static, Value> + Clone + Send + Sync + 'static,
) -> Result<(), RegisterMethodError> {
    module.register_blocking_method(name, move |params: Params<'_>, node: Arc<Node>, extensions: Extensions| {
        let connection = extensions.get::<ConnectionId>().copied().unwrap_or_default();
        match planned(&node, name).and_then(|()| Args::parse(&params)) {
            Ok(args) => method(&node, &args, connection),
            Err(refusal) => ResponsePayload::error(refusal),
        }
    })?;
    Ok(())
}

/// An answer that has nothing to do when it was sent.
fn payload(answer: Answer) -> ResponsePayload<'static, Value> {
    answer.map_or_else(ResponsePayload::error, ResponsePayload::success)
}

/// The fault that a tester planned for this call, where it is one of a batch; others meet theirs at the [`gate`]. Methods run on
/// blocking threads, so only this batch waits.
fn planned(node: &Node, name: &str) -> Result<(), ErrorObjectOwned> {
    match node.powers.fault_of(name) {
        Some(Fault::Error { code, message }) => Err(errors::planned(code, message)),
        Some(Fault::Delay(time)) => {
            std::thread::sleep(time);
            Ok(())
        }
        None => Ok(()),
    }
}

/// `0x` and lower-case digits.
fn hex(bytes: impl AsRef<[u8]>) -> String {
    format!("0x{}", hex::encode(bytes))
}
