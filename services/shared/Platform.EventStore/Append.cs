namespace Platform.EventStore;

/// <summary>What an append takes for granted about the stream.</summary>
public readonly record struct ExpectedVersion
{
    private ExpectedVersion(long value) => Value = value;

    /// <summary>Whatever it is: the append goes to the end.</summary>
    public static ExpectedVersion Any { get; } = new(-1);

    /// <summary>The stream has no event yet.</summary>
    public static ExpectedVersion New { get; } = new(0);

    internal long Value { get; }

    /// <summary>The stream ends with exactly this version; 0 is <see cref="New"/>.</summary>
    public static ExpectedVersion Exactly(long version) =>
        new(version >= 0 ? version : throw new ArgumentOutOfRangeException(nameof(version)));
}

/// <summary>What became of an append.</summary>
public enum AppendOutcome
{
    /// <summary>The events are stored.</summary>
    Appended = 0,

    /// <summary>The stream is at another version than expected; nothing was stored.</summary>
    Conflict = 1,

    /// <summary>The same cause had taken effect before; nothing was stored now.</summary>
    Repeated = 2,

    /// <summary>The stream was erased or archived; nothing is stored in it any more.</summary>
    Closed = 3,
}

/// <summary>Answer to an append.</summary>
/// <param name="Outcome">Whether the events are stored.</param>
/// <param name="Version">Version that the stream has, or that the repeated cause had reached.</param>
/// <param name="Sequence">Position of the last event in the service's order, for a wait until a view shows it; 0 unless appended.</param>
public readonly record struct AppendResult(AppendOutcome Outcome, long Version, long Sequence);

/// <summary>A stream changed faster than decisions about it could be made, many times in a row.</summary>
public sealed class StreamContendedException(string stream, int attempts)
    : Exception($"Stream {stream} changed during each of {attempts} attempts to decide.");
