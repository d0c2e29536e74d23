//! `ContainerStats`: one sample as v1 writes it.

use std::sync::LazyLock;

use plimsoll_core::columns::as_map;
use plimsoll_measure::load::TaskStats;
use plimsoll_measure::network::{Interface, Network};
use plimsoll_measure::sample::Sample;
use serde::ser::{Serialize, SerializeStruct, Serializer};
use serde_json::value::RawValue;

use crate::custom::Custom;
use crate::past::View;

/// One sample of a container.
pub struct Stats<'a> {
    /// The numbers.
    pub sample: &'a Sample,
    /// The one before it in the answer.
    pub before: Option<&'a Sample>,
    /// What is known of the container now; it is told with its newest sample only, of which it is true.
    pub view: &'a View,
}

impl Serialize for Stats<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Sample { at, cpu, diskio, memory, hugetlb, network, filesystem, task_stats, processes, cpuset } =
            self.sample;
        let newest = self.view.latest.as_ref().is_some_and(|latest| latest.at == *at);
        // the true length is not known; with 0 the writer would close the object at once
        let mut stats = serializer.serialize_struct("ContainerStats", 1)?;
        stats.serialize_field("timestamp", at)?;
        maybe(&mut stats, "cpu", cpu.as_ref())?;
        maybe(&mut stats, "diskio", diskio.as_ref())?;
        maybe(&mut stats, "memory", memory.as_ref())?;
        maybe(&mut stats, "hugetlb", (!hugetlb.is_empty()).then_some(HugeTlbs(hugetlb)))?;
        maybe(&mut stats, "network", network.as_ref().map(FlatNetwork))?;
        maybe(&mut stats, "filesystem", (!filesystem.is_empty()).then_some(filesystem))?;
        match task_stats {
            Some(task_stats) => stats.serialize_field("task_stats", task_stats)?,
            None => stats.serialize_field("task_stats", &TaskStats::default())?,
        }
        maybe(&mut stats, "processes", processes.as_ref())?;
        maybe(&mut stats, "custom_metrics", Custom::of(self.view.app.as_deref(), self.before, self.sample))?;
        stats.serialize_field("resctrl", &Resctrl {})?;
        stats.serialize_field("cpuset", &cpuset.clone().unwrap_or_default())?;
        maybe(
            &mut stats,
            "oom_events",
            (newest && self.view.oom_events > 0).then_some(self.view.oom_events),
        )?;
        let health = self.view.identity.health.as_deref().filter(|_| newest).unwrap_or_default();
        stats.serialize_field("health", &Health { status: health })?;
        stats.end()
    }
}

/// A field that is there only with a value: Go's `omitempty`.
///
/// # Errors
/// Those of the serializer.
pub fn maybe<S: SerializeStruct, T: Serialize>(
    fields: &mut S,
    name: &'static str,
    value: Option<T>,
) -> Result<(), S::Error> {
    match value {
        Some(value) => fields.serialize_field(name, &value),
        None => Ok(()),
    }
}

/// Huge pages as an object by size.
pub struct HugeTlbs<'a>(
    /// By size.
    pub &'a [plimsoll_core::columns::Named<plimsoll_measure::hugetlb::HugeTlb>],
);

impl Serialize for HugeTlbs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        as_map(self.0, serializer)
    }
}

/// What no reader fills yet; the object is part of the format.
#[derive(serde::Serialize)]
pub struct Resctrl {}

#[derive(serde::Serialize)]
struct Health<'a> {
    status: &'a str,
}

/// The network of v1: the first interface stands flat before the list.
struct FlatNetwork<'a>(&'a Network);

impl Serialize for FlatNetwork<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Flat<'a> {
            #[serde(flatten)]
            first: &'a Interface,
            #[serde(flatten)]
            rest: ListNetwork<'a>,
        }
        let none = Interface::default();
        Flat { first: self.0.interfaces.first().unwrap_or(&none), rest: ListNetwork::of(self.0) }
            .serialize(serializer)
    }
}

/// The network of v2: the interfaces, then what the kernel's protocols counted.
#[derive(serde::Serialize)]
pub struct ListNetwork<'a> {
    #[serde(skip_serializing_if = "<[Interface]>::is_empty")]
    interfaces: &'a [Interface],
    tcp: &'static RawValue,
    tcp6: &'static RawValue,
    udp: &'static RawValue,
    udp6: &'static RawValue,
    tcp_advanced: &'static RawValue,
}

impl<'a> ListNetwork<'a> {
    /// The parts of this network.
    pub fn of(network: &'a Network) -> Self {
        Self {
            interfaces: &network.interfaces,
            tcp: &TCP,
            tcp6: &TCP,
            udp: &UDP,
            udp6: &UDP,
            tcp_advanced: &TCP_ADVANCED,
        }
    }

    /// A network of nothing.
    pub fn none() -> ListNetwork<'static> {
        static NONE: Network = Network { interfaces: Vec::new() };
        ListNetwork::of(&NONE)
    }
}

static TCP: LazyLock<Box<RawValue>> = LazyLock::new(|| zeros(TCP_KEYS));
static UDP: LazyLock<Box<RawValue>> = LazyLock::new(|| zeros(UDP_KEYS));
static TCP_ADVANCED: LazyLock<Box<RawValue>> = LazyLock::new(|| zeros(TCP_ADVANCED_KEYS));

/// An object of zeros: no reader fills these yet, but they are part of the format.
fn zeros(keys: &str) -> Box<RawValue> {
    let pairs: Vec<String> = keys.split_whitespace().map(|key| format!("\"{key}\":0")).collect();
    RawValue::from_string(format!("{{{}}}", pairs.join(","))).unwrap_or_default()
}

const TCP_KEYS: &str =
    "Established SynSent SynRecv FinWait1 FinWait2 TimeWait Close CloseWait LastAck Listen Closing";
const UDP_KEYS: &str = "Listen Dropped RxQueued TxQueued";
const TCP_ADVANCED_KEYS: &str = "\
    RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets \
    CurrEstab InSegs OutSegs RetransSegs InErrs OutRsts InCsumErrors EmbryonicRsts \
    SyncookiesSent SyncookiesRecv SyncookiesFailed PruneCalled RcvPruned OfoPruned \
    OutOfWindowIcmps LockDroppedIcmps TW TWRecycled TWKilled TCPTimeWaitOverflow TCPTimeouts \
    TCPSpuriousRTOs TCPLossProbes TCPLossProbeRecovery TCPRenoRecoveryFail TCPSackRecoveryFail \
    TCPRenoFailures TCPSackFailures TCPLossFailures DelayedACKs DelayedACKLocked DelayedACKLost \
    ListenOverflows ListenDrops TCPHPHits TCPPureAcks TCPHPAcks TCPRenoRecovery TCPSackRecovery \
    TCPSACKReneging TCPFACKReorder TCPSACKReorder TCPRenoReorder TCPTSReorder TCPFullUndo \
    TCPPartialUndo TCPDSACKUndo TCPLossUndo TCPFastRetrans TCPSlowStartRetrans TCPLostRetransmit \
    TCPRetransFail TCPRcvCollapsed TCPDSACKOldSent TCPDSACKOfoSent TCPDSACKRecv TCPDSACKOfoRecv \
    TCPAbortOnData TCPAbortOnClose TCPAbortOnMemory TCPAbortOnTimeout TCPAbortOnLinger \
    TCPAbortFailed TCPMemoryPressures TCPMemoryPressuresChrono TCPSACKDiscard TCPDSACKIgnoredOld \
    TCPDSACKIgnoredNoUndo TCPMD5NotFound TCPMD5Unexpected TCPMD5Failure TCPSackShifted \
    TCPSackMerged TCPSackShiftFallback TCPBacklogDrop PFMemallocDrop TCPMinTTLDrop \
    TCPDeferAcceptDrop IPReversePathFilter TCPReqQFullDoCookies TCPReqQFullDrop \
    TCPFastOpenActive TCPFastOpenActiveFail TCPFastOpenPassive TCPFastOpenPassiveFail \
    TCPFastOpenListenOverflow TCPFastOpenCookieReqd TCPSynRetrans TCPOrigDataSent PAWSActive \
    PAWSEstab";
