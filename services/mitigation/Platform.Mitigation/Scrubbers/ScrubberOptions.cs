using System.ComponentModel.DataAnnotations;

namespace Platform.Mitigation.Scrubbers;

/// <summary>The scrubbers of the installation. Bound from the <c>Scrubbers</c> section.</summary>
internal sealed class ScrubberOptions : IValidatableObject
{
    public const string Section = "Scrubbers";

    /// <summary>Agents that may ask what to filter. Default none.</summary>
    public ScrubberAgent[] Agents { get; init; } = [];

    /// <summary>What the scrubbers can carry, by pool. Default none: not limited.</summary>
    public ScrubbingPool[] Pools { get; init; } = [];

    /// <summary>How many contracts without always-on share the room of one, because they are not attacked at the same time. 1 to 1000; default 10.</summary>
    [Range(1, 1_000, ErrorMessage = "must be 1 to 1000.")]
    public int Sharing { get; init; } = 10;

    /// <summary>How long an agent goes on filtering without hearing from here. 10 seconds to 1 hour; default 5 minutes.</summary>
    [Range(typeof(TimeSpan), "00:00:10", "01:00:00", ErrorMessage = "must be 00:00:10 to 01:00:00.")]
    public TimeSpan Lease { get; init; } = TimeSpan.FromMinutes(5);

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        foreach (var agent in Agents.Where(agent => agent.Name.Length is 0 or > 50 || agent.Name.Contains(':', StringComparison.Ordinal) || agent.Token.Length < 16))
        {
            yield return new($"= '{agent.Name}': needs a name of 1 to 50 characters without colon and a token of 16 or more.", [nameof(Agents)]);
        }

        foreach (var pool in Pools.Where(pool => !pool.IsValid))
        {
            yield return new($"= '{pool.Name}': needs a name of 1 to 50 characters and 1 to 10^15 bits per second.", [nameof(Pools)]);
        }

        if (Pools.DistinctBy(pool => pool.Name).Count() != Pools.Length)
        {
            yield return new("must have different names.", [nameof(Pools)]);
        }

        if (Agents.DistinctBy(agent => agent.Name).Count() != Agents.Length)
        {
            yield return new("must have different names.", [nameof(Agents)]);
        }
    }
}

/// <summary>One agent on a scrubber node.</summary>
internal sealed class ScrubberAgent
{
    /// <summary>Name in events, facts and metrics; 1 to 50 characters, no colon, not that of a speaker.</summary>
    public string Name { get; init; } = "";

    /// <summary>What the agent proves itself with; 16 characters or more, from a secret.</summary>
    public string Token { get; init; } = "";

    /// <summary>Country where it stands (ISO 3166-1, two letters). Default JP.</summary>
    public string Location { get; init; } = "JP";
}

/// <summary>Scrubbers that carry traffic together.</summary>
internal sealed class ScrubbingPool
{
    /// <summary>Name; 1 to 50 characters.</summary>
    public string Name { get; init; } = "";

    /// <summary>What it can clean at once, in bits per second; 1 to 10^15.</summary>
    public long BitsPerSecond { get; init; }

    internal bool IsValid => Name.Length is > 0 and <= 50 && BitsPerSecond is > 0 and <= 1_000_000_000_000_000;
}
