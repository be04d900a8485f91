namespace Platform.Detection.SecurityEvents;

/// <summary>What it means for a tenant when something befalls an exporter of its traffic, in English and Japanese. Names no device.</summary>
internal static class ExporterWords
{
    public static (string English, string Japanese) Silent(string serviceCode, long exporters, DateTimeOffset lastSeenAt) => exporters <= 1
        ? (
            $"the only router that tells of the traffic of {serviceCode} has been silent since {Text(lastSeenAt)}: none of it is seen, and no attack, until it is back",
            $"{Text(lastSeenAt)}以降、{serviceCode}の通信を観測している唯一のルーターからフロー情報が届いていません。再開するまで通信は見えず、攻撃は検知できません")
        : (
            $"one of {exporters} routers that tell of the traffic of {serviceCode} has been silent since {Text(lastSeenAt)}: part of it is not seen, attacks may be seen late or not at all",
            $"{Text(lastSeenAt)}以降、{serviceCode}の通信を観測しているルーター{exporters}台のうち1台からフロー情報が届いていません。通信の一部が見えないため、攻撃の検知が遅れたり、検知できなかったりすることがあります");

    public static (string English, string Japanese) Returned(string serviceCode, DateTimeOffset lastSeenAt) => (
        $"a router that tells of the traffic of {serviceCode} is heard again: what it carried since {Text(lastSeenAt)} was not seen",
        $"{serviceCode}の通信を観測しているルーターからのフロー情報の受信が再開しました。{Text(lastSeenAt)}以降、このルーターを通った通信は見えていませんでした");

    /// <returns>Null: a condition of which nobody here knows what it means.</returns>
    public static (EventSeverity Severity, Func<string, (string English, string Japanese)> InWords)? Changed(string condition) => condition switch
    {
        "sampling-changed" => (EventSeverity.Low, code => (
            $"a router that tells of the traffic of {code} samples at another rate: small attacks may be seen earlier or later than before",
            $"{code}の通信を観測しているルーターのサンプリング率が変わりました。小さな攻撃の検知が、これまでより早く、または遅くなることがあります")),
        "exporter-losing" => (EventSeverity.Medium, code => (
            $"part of what a router tells of the traffic of {code} is lost on the way: less is seen than there is, attacks may be seen late",
            $"{code}の通信を観測しているルーターのフロー情報の一部が転送中に失われています。通信量が実際より少なく見え、攻撃の検知が遅れることがあります")),
        "exporter-lossless" => (EventSeverity.Info, code => (
            $"what a router tells of the traffic of {code} arrives without loss again",
            $"{code}の通信を観測しているルーターのフロー情報の損失はなくなりました")),
        "clock-skewed" => (EventSeverity.Info, code => (
            $"the clock of a router that tells of the traffic of {code} is off; its traffic is counted at the right time all the same",
            $"{code}の通信を観測しているルーターの時計がずれています。通信量は正しい時刻で集計されます")),
        "clock-right" => (EventSeverity.Info, code => (
            $"the clock of a router that tells of the traffic of {code} is right again",
            $"{code}の通信を観測しているルーターの時計のずれはなくなりました")),
        _ => null,
    };

    private static string Text(DateTimeOffset at) => FormattableString.Invariant($"{at.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC");
}
