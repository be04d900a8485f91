namespace Platform.Detection.SecurityEvents;

/// <summary>
/// What is said in Japanese of events that were told in English only (stored before release 7, or by a process of an earlier release): what happened to what, without
/// the figures.
/// </summary>
internal static class EarlierEvents
{
    /// <returns>The English sentence when nobody knows the kind: better than nothing.</returns>
    public static string InJapanese(string kind, string subject, string sentence) => kind switch
    {
        "anomaly-detected" => $"{subject}の異常を検知しました",
        "anomaly-changed" => $"{subject}の異常が拡大しました",
        "anomaly-ended" => $"{subject}の異常の追跡を終えました",
        "bandwidth-exceeded" => $"{subject}の通信量が、契約で申告された帯域を超えました",
        "bandwidth-kept" => $"{subject}の通信量は、契約で申告された帯域以内に戻りました",
        "telemetry-lost" => "検知処理に届くまでに通信量データの一部が失われました。攻撃の検知が遅れることがあります",
        "hosts-crowded" => "ホスト数が上限を超えたため、一部の通信量データはホスト単位ではなくプレフィックス単位でのみ判定しました",
        "exporter-silent" => $"{subject}からフロー情報を受信していません。この機器を通る攻撃は検知できません",
        "exporter-returned" => $"{subject}からフロー情報を受信しています",
        "sampling-changed" => $"{subject}: サンプリング率が変わりました",
        "exporter-losing" => $"{subject}: フロー情報が失われています",
        "exporter-lossless" => $"{subject}: フロー情報の損失はなくなりました",
        "clock-skewed" => $"{subject}: 時計がずれています",
        "clock-right" => $"{subject}: 時計のずれはなくなりました",
        "detector-behind" => $"{subject}の判定が遅れています。攻撃の検知が遅れます",
        "detector-caught-up" => $"{subject}の判定の遅れは解消しました",
        "telemetry-gone" => "ネットワークのフロー情報を受信していません。再開するまで攻撃は検知できません",
        "telemetry-back" => "ネットワークのフロー情報の受信が再開しました",
        _ => sentence,
    };
}
