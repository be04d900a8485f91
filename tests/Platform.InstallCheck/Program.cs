using Platform.InstallCheck;

// Looks at an installation from outside, as a customer's router and a provider's operator would: `helm test` runs it.
var builder = WebApplication.CreateBuilder(args);
builder.Logging.AddSimpleConsole(console => { console.SingleLine = true; console.TimestampFormat = "HH:mm:ss.fff "; });
builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
builder.Services.AddOptions<CheckOptions>().BindConfiguration(CheckOptions.Section).ValidateDataAnnotations();
builder.Services.AddSingleton(TimeProvider.System);
builder.Services.AddSingleton<InstallCheck>();

await using var app = builder.Build();
return await app.Services.GetRequiredService<InstallCheck>().Run();
