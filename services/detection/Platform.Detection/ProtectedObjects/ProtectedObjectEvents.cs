using System.Net;
using System.Text.Json.Serialization;
using Platform.Detection.Learning;
using Platform.EventStore;

namespace Platform.Detection.ProtectedObjects;

/// <summary>What can have happened to the protected objects of one contract: prefixes watched together, with their thresholds.</summary>
internal abstract record ProtectedObjectEvent;

/// <summary>The object is watched from now on.</summary>
/// <param name="Content">All of it, version 1.</param>
/// <param name="ContractVersion">Version of the contract that it follows.</param>
/// <param name="AddedAt">When (UTC).</param>
/// <param name="Change">Of an object that somebody named: who and why; null: it came with the contract.</param>
internal sealed record ProtectedObjectAdded(
    ObjectContent Content, long ContractVersion, DateTimeOffset AddedAt, SettingsChange? Change = null) : ProtectedObjectEvent;

/// <summary>The contract changed; the object has what is the contract's of its prefixes from now on.</summary>
/// <param name="Content">All of it, the next version.</param>
/// <param name="ContractVersion">Version of the contract that it follows.</param>
/// <param name="ChangedAt">When (UTC).</param>
/// <param name="ContractPrefixes">All of the contract, when objects share them; null: the object has them all.</param>
internal sealed record ContractFollowed(
    ObjectContent Content, long ContractVersion, DateTimeOffset ChangedAt, IReadOnlyList<IPNetwork>? ContractPrefixes = null)
    : ProtectedObjectEvent;

/// <summary>Somebody set other thresholds, or what they come from.</summary>
/// <param name="Content">All of it, the next version.</param>
/// <param name="ChangedAt">When (UTC).</param>
/// <param name="Kind">What was done.</param>
/// <param name="Change">Who, why and the difference; null in events of the first release.</param>
internal sealed record ThresholdsChanged(
    ObjectContent Content,
    DateTimeOffset ChangedAt,
    SettingsChangeKind Kind = SettingsChangeKind.Thresholds,
    SettingsChange? Change = null) : ProtectedObjectEvent;

/// <summary>
/// The object is no longer watched. Final; the first event of the stream when the contract's end came before its beginning, the last one when the
/// object <c>default</c> retires with its contract.
/// </summary>
/// <param name="ObjectId">The object.</param>
/// <param name="ServiceCode">Its contract.</param>
/// <param name="RetiredAt">When (UTC).</param>
internal sealed record ProtectedObjectRetired(Guid ObjectId, string ServiceCode, DateTimeOffset RetiredAt) : ProtectedObjectEvent;

/// <summary>A protected object as a whole, in one version. Every event carries all of it, so that a reader needs no earlier one.</summary>
/// <param name="ObjectId">Identity; the object <c>default</c> of a contract has the contract's id.</param>
/// <param name="ServiceCode">The contract that it belongs to.</param>
/// <param name="Name">Unique among those of the contract that are watched.</param>
/// <param name="Prefixes">
/// Addresses that are watched; of several prefixes, also of other objects, the narrowest counts. Empty when all went to other objects, or away with
/// a change of the contract.
/// </param>
/// <param name="Thresholds">One per vector, level and direction.</param>
/// <param name="Version">From 1, one more with each change.</param>
/// <param name="Settings">Null in events of the first release: as a new object has them.</param>
internal sealed record ObjectContent(
    Guid ObjectId,
    [property: SealScope] string ServiceCode,
    [property: Sealed] string Name,
    IReadOnlyList<IPNetwork> Prefixes,
    IReadOnlyList<Threshold> Thresholds,
    long Version,
    ObjectSettings? Settings = null)
{
    [JsonIgnore]
    public ObjectSettings SettingsOrDefault => Settings ?? new();

    /// <summary>What nobody set, but a profile guessed.</summary>
    [JsonIgnore]
    public IEnumerable<Threshold> Guesses => SettingsOrDefault.Profile is null ? [] : Thresholds.Where(threshold => !threshold.IsOwn);

    /// <summary>With other thresholds: a guess that is the same stays one, unless somebody says that it is meant.</summary>
    public ObjectContent With(IReadOnlyList<Threshold> thresholds)
    {
        var guesses = Guesses.ToHashSet();
        return thresholds.Any(guesses.Contains)
            ? this with { Thresholds = [.. thresholds.Select(threshold => threshold with { IsOwn = !guesses.Contains(threshold) })] }
            : this with
            {
                Thresholds = [.. thresholds.Select(threshold => threshold with { IsOwn = false })],
                Settings = SettingsOrDefault with { Profile = null },
            };
    }

    /// <summary>Of the floors out of anomalies that were none only these.</summary>
    public ObjectContent WithMarks(Func<MarkedFloor, bool> stays) => SettingsOrDefault.Marked is not { } marked
        ? this
        : this with { Settings = SettingsOrDefault with { Marked = marked.Where(stays).ToArray() is { Length: > 0 } left ? left : null } };

    /// <summary>With what the profile guesses from what is declared now, never below the floors.</summary>
    public ObjectContent GuessedAnew()
    {
        var (guesses, settings) = (Guesses.ToHashSet(), SettingsOrDefault);
        var profile = guesses.Count == 0 ? [] : ThresholdProfiles.Of(settings.Profile!, settings.DeclaredBitsPerSecond) ?? [];
        return guesses.Count == 0 ? this : this with
        {
            Thresholds =
            [
                .. Thresholds.Select(threshold => guesses.Contains(threshold) && profile.FirstOrDefault(guess => guess.Key == threshold.Key) is { } guess
                    ? guess.AtLeast(settings.Floors ?? [])
                    : threshold),
            ],
        };
    }
}

/// <summary>What else is set about an object.</summary>
/// <param name="DeclaredBitsPerSecond">What the contract declares as the most; 0: not known.</param>
/// <param name="Profile">Name of the profile that thresholds came from, those that are not somebody's own; null when all are.</param>
/// <param name="Learning">How thresholds are learned; null: as by default.</param>
/// <param name="Floors">Learned thresholds are never below these; null: none.</param>
/// <param name="LearnsSince">What was learned before (UTC) is forgotten; null: nothing is.</param>
/// <param name="Marked">Floors out of anomalies that were none, as narrow as these; null: none. Until release 7 they were in <paramref name="Floors"/>, of all hosts and hours.</param>
internal sealed record ObjectSettings(
    long DeclaredBitsPerSecond = 0,
    string? Profile = null,
    LearningSettings? Learning = null,
    IReadOnlyList<Threshold>? Floors = null,
    DateTimeOffset? LearnsSince = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<MarkedFloor>? Marked = null);
