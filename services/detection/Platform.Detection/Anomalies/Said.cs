using Platform.Detection.ProtectedObjects;
using static System.FormattableString;
using IPNetwork = System.Net.IPNetwork;

namespace Platform.Detection.Anomalies;

/// <summary>Why an anomaly was recognised, in one sentence of each language: whose traffic was measured, which rule it broke, and whom that names. Pure.</summary>
/// <param name="Subject">The anomaly.</param>
/// <param name="Rule">One of <see cref="RuleName"/>.</param>
/// <param name="Vector">Furthest over.</param>
/// <param name="Level">Whose traffic was measured; null: the target's.</param>
/// <param name="Unit">Of the rates, per second.</param>
/// <param name="Measured">What was measured.</param>
/// <param name="Threshold">What it was held against.</param>
/// <param name="Usual">At this hour; null while nothing is learned.</param>
/// <param name="Judged">The networks that were measured; of the whole object the prefixes that have nearly all of it, greatest first.</param>
/// <param name="Prefixes">What the anomaly is spread over where that is wider than its target, and than what was measured; null: it is not.</param>
/// <param name="Within">The block within which it goes from host to host; null: it does not.</param>
internal sealed record Said(
    AnomalySubject Subject,
    string Rule,
    TrafficVector Vector,
    WatchLevel? Level,
    TrafficUnit Unit,
    long Measured,
    long Threshold,
    long? Usual,
    IReadOnlyList<IPNetwork> Judged,
    IReadOnlyList<PrefixShare>? Prefixes = null,
    IPNetwork? Within = null)
{
    private const int MostNamed = 5; // more prefixes are counted, and the first of them named
    private const int FirstNamed = 3;

    private bool IsOut => Subject.Direction is TrafficDirection.Out;

    private bool IsWhole => (Level ?? Subject.Level) is WatchLevel.Object;

    private bool IsOfMany => (Level ?? Subject.Level) < Subject.Level;

    private bool IsSpread => IsWhole && Judged.Count > MostNamed;

    /// <summary>A block is over and the attack goes on around it.</summary>
    private bool IsWider => !IsWhole && Prefixes is { Count: > 1 };

    private string Widest => string.Join(", ", Prefixes!.Take(Prefixes!.Count > MostNamed ? FirstNamed : MostNamed).Select(prefix => prefix.Prefix));

    /// <summary>What has most of it, where that is not what was measured.</summary>
    private string? Most => IsWhole ? string.Join(", ", IsSpread ? Judged.Take(FirstNamed) : Judged) : (Level ?? Subject.Level) > Subject.Level ? $"{Subject.Target}" : null;

    private string Per => Unit switch { TrafficUnit.Bits => "bits/s", TrafficUnit.Packets => "packets/s", _ => "flows/s" };

    public string InEnglish()
    {
        var rule = Rule switch { RuleName.Learned => "the learned ", RuleName.Spread => "the ", RuleName.Profile => "the profile's ", _ => "the set " };
        var level = Level switch { WatchLevel.Host => " for a host", WatchLevel.Prefix => " for a prefix", WatchLevel.Object => " for the object", _ => "" };
        return Invariant(
            $"{Vector.Name()} reached {Measured:N0} {Per} {(IsOut ? "from" : "towards")} {(IsWhole ? "all of the object" : Judged[0])}, over {rule}threshold of {Threshold:N0}{level}")
            + (Usual is { } usual ? Invariant($" (usual at this hour: {usual:N0})") : "")
            + (IsSpread ? Invariant($"; it is spread over {Judged.Count} prefixes, the largest of them {Most}")
                : IsWider ? Invariant($"; the attack is spread over {Prefixes!.Count} prefixes, the largest of them {Widest}")
                : Within is { } within ? $"; it goes from host to host of {within}"
                : Most is { } most ? $"; most of it is of {most}" : IsOfMany ? $"; so are many hosts of {Subject.Target}" : "");
    }

    public string InJapanese()
    {
        var rule = Rule switch { RuleName.Learned => "学習された", RuleName.Spread => "", RuleName.Profile => "プロファイルの", _ => "設定された" };
        var level = Level switch { WatchLevel.Host => "ホスト単位の", WatchLevel.Prefix => "プレフィックス単位の", WatchLevel.Object => "オブジェクト全体の", _ => "" };
        return Invariant(
            $"{(IsWhole ? "オブジェクト全体" : Judged[0])}{(IsOut ? "から" : "宛て")}の{Vector.Name()}が{Measured:N0} {Per}に達し、{rule}{level}しきい値{Threshold:N0} {Per}を超えました")
            + (Usual is { } usual ? Invariant($"(この時間帯の平常値:{usual:N0} {Per})") : "")
            + (IsSpread ? Invariant($"。{Judged.Count}のプレフィックスに分散しており、大きい順に{Most}です")
                : IsWider ? Invariant($"。攻撃は{Prefixes!.Count}のプレフィックスに分散しており、大きい順に{Widest}です")
                : Within is { } within ? $"。攻撃は{within}のホストからホストへ移っています"
                : Most is { } most ? $"。大部分は{most}です" : IsOfMany ? $"。{Subject.Target}の多数のホストも超えています" : "");
    }
}
