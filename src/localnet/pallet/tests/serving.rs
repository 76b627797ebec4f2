use super::*;
use frame_support::{assert_noop, assert_ok};
use sp_runtime::DispatchResult;
use std::net::Ipv4Addr;

const PUBLIC: u128 = 0x0808_0808;

fn serve(hotkey: &str, ip: u128, port: u16, ip_type: u8) -> DispatchResult {
    Module::serve_axon(signed(hotkey), EVENTS, 1, ip, port, ip_type, 4, 0, 0)
}

#[test]
fn an_axon_is_stored_with_its_block() {
    on_chain(|| {
        register("miner");
        assert_ok!(serve("miner", PUBLIC, 8091, 4));
        let axon = Axons::<Runtime>::get(EVENTS, account("miner")).unwrap();
        assert_eq!((axon.block, axon.ip, axon.port, axon.ip_type, axon.protocol), (1, PUBLIC, 8091, 4, 4));
        assert!(happened(Event::AxonServed(EVENTS, account("miner"))));
    });
}

#[test]
fn only_registered_hotkeys_serve() {
    on_chain(|| {
        assert_noop!(serve("stranger", PUBLIC, 0, 9), Failure::HotKeyNotRegisteredInNetwork);
    });
}

#[test]
fn the_type_of_address_is_four_or_six() {
    on_chain(|| {
        register("miner");
        assert_noop!(serve("miner", PUBLIC, 8091, 5), Failure::InvalidIpType);
    });
}

#[test]
fn addresses_that_nobody_reaches_are_refused() {
    on_chain(|| {
        register("miner");
        let loopback = u128::from(u32::from(Ipv4Addr::LOCALHOST));
        for (ip, ip_type) in [(loopback, 4), (u128::from(u32::MAX), 4), (u128::MAX, 4), (1, 6), (u128::MAX, 6)] {
            assert_noop!(serve("miner", ip, 8091, ip_type), Failure::InvalidIpAddress);
        }
        // A private address passes, and zero withdraws the axon.
        ServingRateLimit::<Runtime>::insert(EVENTS, 0);
        assert_ok!(serve("miner", u128::from(u32::from(Ipv4Addr::new(192, 168, 0, 1))), 8091, 4));
        assert_ok!(serve("miner", 0, 1, 4));
    });
}

#[test]
fn announcements_have_a_rate_limit() {
    on_chain(|| {
        register("miner");
        assert_ok!(serve("miner", PUBLIC, 8091, 4));
        advance(49);
        assert_noop!(serve("miner", PUBLIC, 8092, 4), Failure::ServingRateLimitExceeded);
        advance(1);
        assert_ok!(serve("miner", PUBLIC, 8092, 4));
    });
}

#[test]
fn the_port_is_not_zero() {
    on_chain(|| {
        register("miner");
        assert_noop!(serve("miner", PUBLIC, 0, 4), Failure::InvalidPort);
    });
}

#[test]
fn metrics_are_announced_alike_but_never_at_zero() {
    on_chain(|| {
        register("miner");
        let serve = |ip, port| Module::serve_prometheus(signed("miner"), EVENTS, 1, ip, port, 4);
        assert_noop!(serve(0, 9090), Failure::InvalidIpAddress);
        assert_noop!(serve(PUBLIC, 0), Failure::InvalidPort);
        assert_ok!(serve(PUBLIC, 9090));
        assert_noop!(serve(PUBLIC, 9091), Failure::ServingRateLimitExceeded);
        assert!(happened(Event::PrometheusServed(EVENTS, account("miner"))));
    });
}

#[test]
fn the_guard_refuses_with_the_codes_clients_translate() {
    on_chain(|| {
        register("miner");
        let code = |hotkey: &str, ip, port, ip_type| {
            let call = Call::<Runtime>::serve_axon {
                netuid: EVENTS,
                version: 1,
                ip,
                port,
                ip_type,
                protocol: 4,
                placeholder1: 0,
                placeholder2: 0,
            };
            Module::guard(&account(hotkey), &call).map_err(|error| Refusal::from(&error).code())
        };
        assert_eq!(code("miner", PUBLIC, 8091, 4), Ok(()));
        assert_eq!(code("stranger", PUBLIC, 8091, 4), Err(10));
        assert_eq!(code("miner", u128::MAX, 8091, 4), Err(11));
        assert_eq!(code("miner", PUBLIC, 0, 4), Err(13));
        assert_eq!(code("miner", PUBLIC, 8091, 5), Err(255));
        assert_ok!(serve("miner", PUBLIC, 8091, 4));
        assert_eq!(code("miner", PUBLIC, 8091, 4), Err(12));
    });
}
