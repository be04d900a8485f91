using System.Net;

namespace Platform.Mitigation.Mitigations;

/// <summary>How a protected object is defended.</summary>
/// <param name="Steps">What is tried, in this order; a step that does not help is followed by the next.</param>
/// <param name="Mode">Whether a person has to agree first.</param>
/// <param name="AllowedSources">Sources whose traffic no filter may touch.</param>
internal sealed record DefensePolicy(
    IReadOnlyList<DefenseStep> Steps, EnforcementMode Mode, IReadOnlyList<IPNetwork> AllowedSources);

/// <param name="Kind">By which means.</param>
/// <param name="Patience">How long it may fail to help before the next step follows.</param>
/// <param name="FromSeverity">Attacks below this are not answered with it.</param>
internal sealed record DefenseStep(DefenseStepKind Kind, TimeSpan Patience, Severity FromSeverity = Severity.Low)
{
    /// <summary>Whoever wants a blackhole below this says so: it completes what a small attack could not.</summary>
    public const Severity GraveEnoughForABlackhole = Severity.High;
}

/// <summary>Stored as numbers: never renumber.</summary>
internal enum DefenseStepKind
{
    /// <summary>FlowSpec, limited to what the thresholds allow.</summary>
    FlowSpecRateLimit = 1,

    /// <summary>FlowSpec, discarded where the evidence is narrow, limited where it is broad.</summary>
    FlowSpecDiscard = 2,

    /// <summary>FlowSpec, redirected into a VRF that cleans.</summary>
    FlowSpecRedirect = 3,

    /// <summary>Diverted through a scrubber that filters.</summary>
    Scrubbing = 4,

    /// <summary>Diverted only.</summary>
    Diversion = 5,

    /// <summary>Discarded whole, at the edge of the network.</summary>
    Blackhole = 6,
}

/// <summary>Stored as numbers: never renumber.</summary>
internal enum EnforcementMode
{
    /// <summary>At once.</summary>
    Automatic = 0,

    /// <summary>Proposed; an operator approves.</summary>
    AfterApproval = 1,

    /// <summary>Only recorded what would have been done.</summary>
    DryRun = 2,
}

/// <summary>How far above its threshold an attack is: below 2 times low, below 5 medium, below 20 high. Stored as numbers: never renumber.</summary>
internal enum Severity
{
    Low = 1,
    Medium = 2,
    High = 3,
    Critical = 4,
}
