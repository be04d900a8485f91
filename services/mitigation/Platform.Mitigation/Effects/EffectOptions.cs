using System.ComponentModel.DataAnnotations;

namespace Platform.Mitigation.Effects;

/// <summary>How the effect of routes and rules is measured. Bound from the <c>Effects</c> section.</summary>
internal sealed class EffectOptions
{
    public const string Section = "Effects";

    /// <summary>
    /// Whether the exporters see traffic behind the filters and routes of the speakers' routers. Many routers export flows as packets come in: then what a
    /// rule drops is in the flows all the same, and to say that it did not help would lead to a wider step for nothing. False: the effect of routes and rules
    /// stays unmeasured, and no step follows for lack of it; what scrubbers do is counted by themselves. Default false: true is a promise that only who
    /// knows the routers can make.
    /// </summary>
    public bool FlowsShowDrops { get; init; }

    /// <summary>
    /// How long telemetry must be heard again, and tell of no more than is allowed, before an attack that nobody could see counts as over. 1 second to
    /// 1 hour; default 1 minute.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00", ErrorMessage = "must be 00:00:01 to 01:00:00.")]
    public TimeSpan QuietFor { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How long after a countermeasure came into force, or went, the measuring begins. 0 to 1 minute; default 2 seconds.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:01:00", ErrorMessage = "must be 00:00:00 to 00:01:00.")]
    public TimeSpan Settle { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// How long a speaker that answers may take to have a route or rule in force, with the record of it: after that it is taken for one that never will, and
    /// the next step may follow. 1 second to 10 minutes; default 30 seconds, which a burst of a thousand rules stays well below.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00", ErrorMessage = "must be 00:00:01 to 00:10:00.")]
    public TimeSpan TakenWithin { get; init; } = TimeSpan.FromSeconds(30);

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
