//! TAO that stakers bring into a subnet and take out of it: the net of each block, and its moving average.

use super::*;
use crate::localnet::runtime::{NetUid, scalars::I64F64};
use sp_core::U256;

impl<T: Config> Pallet<T> {
    /// Counts `tao` rao that stakers brought in, or took out where it is negative.
    pub(crate) fn note_flow(netuid: NetUid, tao: i128) {
        let clamped = i64::try_from(tao).unwrap_or(if tao < 0 { i64::MIN } else { i64::MAX });
        SubnetTaoFlow::<T>::mutate(netuid, |flow| *flow = flow.saturating_add(clamped));
    }

    /// The moving average after the last block's flow; once a block.
    pub(crate) fn move_flow(netuid: NetUid) {
        let flow = i128::from(SubnetTaoFlow::<T>::take(netuid)) << 64;
        let average = SubnetEmaTaoFlow::<T>::get(netuid).map_or(0, |(_, average)| average.bits);
        let step = part(flow.saturating_sub(average), FlowEmaSmoothingFactor::<T>::get());
        let bits = average.saturating_add(step);
        SubnetEmaTaoFlow::<T>::insert(netuid, (Self::block(), I64F64 { bits }));
    }
}

/// `number × factor / 2⁶³`, towards zero.
fn part(number: i128, factor: u64) -> i128 {
    let product = (U256::from(number.unsigned_abs()) * U256::from(factor)) >> 63;
    i128::try_from(product).unwrap_or(i128::MAX) * number.signum()
}

#[cfg(test)]
mod tests {
    use super::part;

    #[test]
    fn a_flow_counts_by_half_after_thirty_days() {
        let factor = 29_597_889_189_277;
        let mut average = 0i128;
        let flow = 1_000_000_000i128 << 64;
        for _ in 0..216_000 {
            average += part(flow - average, factor);
        }
        let reached = (average >> 64) as f64 / 1e9;
        assert!((reached - 0.5).abs() < 1e-4, "{reached}");
        assert_eq!((part(-8, 1 << 62), part(8, 1 << 63)), (-4, 8));
    }
}
