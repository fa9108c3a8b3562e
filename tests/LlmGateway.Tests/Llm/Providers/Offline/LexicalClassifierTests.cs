using LlmGateway.Llm.Providers.Offline;

namespace LlmGateway.Tests.Llm.Providers.Offline;

public class LexicalClassifierTests
{
    private static readonly string[] Support = ["billing", "technical", "account", "sales", "complaint", "other"];

    [Fact]
    public void PutsSupportMessagesWhereTheyBelong() => AssertMostRight(Support,
        ("billing", "I was charged twice for my subscription this month."),
        ("billing", "Where can I download the invoice for last March?"),
        ("billing", "My credit card was declined but the money is gone."),
        ("billing", "Please correct the VAT number on my receipt."),
        ("technical", "The app crashes whenever I open the settings screen."),
        ("technical", "I get error 500 when I call your API."),
        ("technical", "Sync is not working since the last update."),
        ("technical", "The page won't load in Firefox."),
        ("account", "I forgot my password and the reset mail never comes."),
        ("account", "How can I change the email address I log in with?"),
        ("account", "I can't sign in, it says my profile is locked."),
        ("account", "Please delete my user account."),
        ("sales", "Do you offer a discount for 200 seats?"),
        ("sales", "We would like a demo and a quote for the enterprise plan."),
        ("sales", "Is there a trial before I buy a license?"),
        ("complaint", "Your agent was rude and I am furious about it."),
        ("complaint", "This is unacceptable, I have been waiting for three weeks and nobody answers."),
        ("complaint", "Worst service ever, I want to talk to a manager."),
        ("other", "The sky over the lake is blue in June."),
        ("other", "My cousin plays the violin."));

    [Fact]
    public void TellsOpinionsApart() => AssertMostRight(["positive", "negative", "neutral"],
        ("positive", "I love this phone, the camera is amazing!"),
        ("positive", "Great food and friendly staff."),
        ("positive", "Not bad at all, I would recommend it."),
        ("positive", "👍😊"),
        ("negative", "The film was boring and far too long, a waste of time."),
        ("negative", "I don't like it, and it is not good either."),
        ("negative", "Terrible quality, it broke after a day."),
        ("negative", "I am not happy with the room."),
        ("neutral", "The parcel has a weight of two kilograms."),
        ("neutral", "The meeting is on Thursday at ten."));

    [Fact]
    public void TellsKindsOfTicketsApart() => AssertMostRight(["bug", "feature_request", "question", "refund", "shipping", "spam", "praise"],
        ("bug", "The editor freezes and then shows an exception."),
        ("bug", "Export is broken since version 2."),
        ("feature_request", "It would be great if you could add dark mode."),
        ("feature_request", "Please add support for CSV export."),
        ("question", "How do I invite a colleague?"),
        ("refund", "I want my money back."),
        ("refund", "I have returned the shoes, when do I get reimbursed?"),
        ("shipping", "My parcel has not arrived, the tracking number shows nothing."),
        ("shipping", "Do you deliver to Norway, and how long does delivery take?"),
        ("spam", "Congratulations, you won a prize! Click here to claim your free cash."),
        ("praise", "Thank you so much, your team is awesome!"));

    [Fact]
    public void GoesByDescriptionsOfNamesThatSayNothing()
    {
        Category[] teams = [new("alpha", "fruit and vegetables, anything that grows"), new("beta", "planets, stars and telescopes"), new("gamma")];

        Assert.Equal("alpha", Classify("Which vegetable grows in the shade?", teams).Name);
        Assert.Equal("beta", Classify("I saw a star through my telescope.", teams).Name);
    }

    [Theory]
    [InlineData("I have a qustion about it", "question")]
    [InlineData("Die Zahlungen fehlen", "zahlung")]
    public void ForgivesMisspellingsAndOtherForms(string text, string expected) =>
        Assert.Equal(expected, Classify(text, [new("garden"), new("weather"), new(expected)]).Name);

    [Fact]
    public void IsAsSureAsTheEvidenceIsGood()
    {
        var categories = Support.Select(name => new Category(name)).ToList();
        var none = LexicalClassifier.Classify("Lorem ipsum dolor", categories).Confidence;
        var some = LexicalClassifier.Classify("The invoice", categories).Confidence;
        var much = LexicalClassifier.Classify("The invoice shows a payment that I never made, refund the charge.", categories).Confidence;
        var torn = LexicalClassifier.Classify("Password, invoice", categories).Confidence;

        Assert.InRange(none, 1.0 / 6, 0.3);
        Assert.InRange(some, 0.4, 0.8);
        Assert.InRange(much, 0.85, 1);
        Assert.True(none < some && some < much && torn < some, $"{none} {torn} {some} {much}");
    }

    [Theory]
    [InlineData("")]
    [InlineData("\ud800 \u0000")]
    [InlineData("🤷")]
    public void SaysThatItDoesNotKnow(string text)
    {
        Assert.Equal(("a", 0.25), Round(LexicalClassifier.Classify(text, [new("a"), new("b"), new("c"), new("d")])));
        Assert.Equal("misc", Classify(text, [new("billing"), new("misc"), new("sales")]).Name);
        Assert.Equal(("only", 1), Round(LexicalClassifier.Classify(text, [new("only")])));
    }

    [Fact]
    public void TakesNamesOfAnyKind() =>
        Assert.Equal("", Classify("x", [new(""), new("!!"), new("😀"), new("\ud800"), new("")]).Name);

    private static void AssertMostRight(string[] names, params (string Category, string Text)[] samples)
    {
        var categories = names.Select(name => new Category(name)).ToList();
        var wrong = samples.Where(sample => Classify(sample.Text, categories).Name != sample.Category)
            .Select(sample => $"{sample.Text} → {LexicalClassifier.Classify(sample.Text, categories)}").ToList();

        Assert.True(wrong.Count <= samples.Length / 10, string.Join('\n', wrong));
    }

    private static Category Classify(string text, IReadOnlyList<Category> categories) => LexicalClassifier.Classify(text, categories).Category;

    private static (string, double) Round((Category Category, double Confidence) result) => (result.Category.Name, Math.Round(result.Confidence, 6));
}
