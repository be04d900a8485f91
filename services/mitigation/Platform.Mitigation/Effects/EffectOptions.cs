using System.ComponentModel.DataAnnotations;

namespace Platform.Mitigation.Effects;

/// <summary>How the effect of routes and rules is measured. Bound from the <c>Effects</c> section.</summary>
internal sealed class EffectOptions
{
    public const string Section = "Effects";

    /// <summary>
    /// False where routers export flows before their own filters: what a route or rule drops is in the flows all the same, so its effect stays
    /// unmeasured and no step follows for lack of it. Default true.
    /// </summary>
    public bool FlowsShowDrops { get; init; } = true;

    /// <summary>How long after a countermeasure came into force, or went, the measuring begins. 0 to 1 minute; default 2 seconds.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:01:00", ErrorMessage = "must be 00:00:00 to 00:01:00.")]
    public TimeSpan Settle { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Over how long traffic is averaged. 1 second to 1 minute; default 5 seconds.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:01:00", ErrorMessage = "must be 00:00:01 to 00:01:00.")]
    public TimeSpan Window { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How long ingestion may hear no telemetry at all before no traffic means only that nobody told of it: then nothing is measured. 1 second to
    /// 1 minute; default 3 seconds.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:01:00", ErrorMessage = "must be 00:00:01 to 00:01:00.")]
    public TimeSpan Silence { get; init; } = TimeSpan.FromSeconds(3);
}
