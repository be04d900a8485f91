namespace Platform.Detection.Learning;

/// <summary>What learned thresholds are for. Stored as numbers: never renumber.</summary>
internal enum LearningMode
{
    /// <summary>They are judged by, below those that are set.</summary>
    Apply = 0,

    /// <summary>They are only proposed.</summary>
    Propose = 1,
}

/// <summary>How an object's thresholds are learned. What somebody set stays in force above, and what is declared: they are the ceilings.</summary>
/// <param name="Mode">Applied or only proposed.</param>
/// <param name="Margin">How many times the usual is allowed, 1.1 to 10.</param>
/// <param name="FloorShare">A vector below this share of the level's busiest hour is never an anomaly, 0.01 to 1; a rare one below half of it.</param>
/// <param name="Zone">Calendar of the object, an IANA zone.</param>
internal sealed record LearningSettings(LearningMode Mode, double Margin, double FloorShare, string Zone)
{
    public static readonly LearningSettings Default = new(LearningMode.Apply, Margin: 1.3, FloorShare: 0.35, Zone: "Asia/Tokyo");

    /// <summary>What is wrong with it; null when nothing is.</summary>
    public string? Fault() => this switch
    {
        { Margin: not (>= 1.1 and <= 10) } => "The margin must be 1.1 to 10.",
        { FloorShare: not (>= 0.01 and <= 1) } => "The floor's share must be 0.01 to 1.",
        _ when HoursOfWeek.Find(Zone) is null => "There is no such time zone.",
        _ => Enum.IsDefined(Mode) ? null : "There is no such mode.",
    };
}

/// <summary>How far learning has come.</summary>
internal enum LearningPhase
{
    /// <summary>Not every hour of the week was seen yet; what was seen is used with a wider margin.</summary>
    Learning,
    Ready,

    /// <summary>Nothing was learned for days.</summary>
    Stale,
}

/// <param name="Phase">How far.</param>
/// <param name="Coverage">Share of the hours of the week that were seen, 0 to 1.</param>
/// <param name="LearnedUntil">Newest second that was learned (UTC); null before the first.</param>
internal sealed record LearningProgress(LearningPhase Phase, double Coverage, DateTimeOffset? LearnedUntil);
